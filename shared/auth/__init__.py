"""API keys: verification and rate limits."""
