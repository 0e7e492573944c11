"""The data types of the pipeline: events, packs, positions, cursors, records, API keys and errors."""
