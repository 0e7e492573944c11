"""The write side: from queue messages to stored events."""
