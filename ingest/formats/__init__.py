"""Request bodies: from each media type to events."""
