"""The write path: from queue messages to stored events."""
