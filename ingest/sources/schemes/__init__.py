"""Signature schemes: who sent a delivery, and whether it is as it was sent. One module for each."""
