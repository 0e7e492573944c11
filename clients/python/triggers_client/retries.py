"""When to try again, and how long to wait before that."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TRY_AGAIN = frozenset({429, 502, 503, 504})
"""Answers after which the same request may fare better."""

ATTEMPTS = 8
"""Some half a minute, if nothing answers at all."""

_FIRST_PAUSE_SECONDS = 0.25
_MAX_PAUSE_SECONDS = 30.0
_MAX_DOUBLINGS = 10


def pause_seconds(failures: int, retry_after: str = "") -> float:
    """Return how long to wait after so many failures: as `Retry-After` says, or twice as long each time.

    Up to 36 seconds, and never the same for all who were sent away at once.
    """
    asked = _asked_seconds(retry_after)
    if asked is not None:
        return min(asked, _MAX_PAUSE_SECONDS) * random.uniform(1, 1.2)  # noqa: S311 (spreads callers out)
    longest: float = min(_FIRST_PAUSE_SECONDS * 2 ** min(failures, _MAX_DOUBLINGS), _MAX_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1)  # noqa: S311 (the same)


def _asked_seconds(text: str) -> float | None:
    """Return what a `Retry-After` header asks for: seconds, or a date."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
