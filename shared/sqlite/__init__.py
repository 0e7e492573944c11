"""The ports on SQLite: one machine, no services, the same guarantees."""
