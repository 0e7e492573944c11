"""Signature schemes, one module each: they verify the sender and the integrity of deliveries."""
