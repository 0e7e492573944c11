"""The ingest API: authenticates, validates and queues events; it never talks to the events table."""
