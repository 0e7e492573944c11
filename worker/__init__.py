"""The worker, which stores queued events once, and the read-only inbox API."""
