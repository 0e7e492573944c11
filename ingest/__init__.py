"""The ingest API: authenticates, validates and queues events. It has no access to the events table."""
