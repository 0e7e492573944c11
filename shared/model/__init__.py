"""The pipeline's data types: events, packs, positions, cursors, records, API keys and errors."""
