"""The settings of the simulated deployment, and the durations at which its rules change."""

import random
from collections.abc import Sequence

from shared.settings import Settings

SETTINGS = Settings(
    deduplication_window_seconds=3,
    event_ttl_days=1,
    visibility_seconds=10,
    worker_receivers=2,
    inline_body_bytes=300,
    dead_letters_per_minute=5,
)

WINDOW_MS = SETTINGS.deduplication_window_seconds * 1000
WIDE_WINDOW_SECONDS = 9
TTL_MS = SETTINGS.event_ttl_days * 86_400_000
KEPT_MS = 2 * TTL_MS + 86_400_000
"""How long guards are kept, and bodies in the bucket by its lifecycle, from the acceptance of their event."""

AGES_MS = (
    0,
    SETTINGS.commit_deadline_ms,
    SETTINGS.commit_deadline_ms + SETTINGS.store_timeout_ms,
    SETTINGS.settle_ms - SETTINGS.clock_skew_ms,
    SETTINGS.settle_ms,
)
"""The ages of a position at which a rule of the protocol changes."""


def near(rng: random.Random, boundaries_ms: Sequence[int], at_most_ms: int) -> int:
    """Return a duration up to `at_most_ms`: every other time one of `boundaries_ms`, or 1 ms more or less."""
    if rng.getrandbits(1):
        return max(0, rng.choice(boundaries_ms) + rng.choice((-1, 0, 1)))
    return rng.randint(0, at_most_ms)
