"""The embedded stack on this machine."""
