"""Sources: URLs that accept webhooks of other services unchanged and turn each delivery into an event."""
