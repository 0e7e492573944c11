"""The `triggers` command."""
