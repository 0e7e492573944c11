"""The development server on this machine, and its data directory."""
