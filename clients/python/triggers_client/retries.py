"""When to retry a request, and how long to wait first."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may succeed."""

ATTEMPTS = 8
"""About half a minute in total if the API can't be reached."""

_FIRST_PAUSE_SECONDS = 0.25
_MAX_PAUSE_SECONDS = 30.0
_MAX_DOUBLINGS = 10


def pause_seconds(failures: int, retry_after: str = "") -> float:
    """Return the seconds to wait after `failures` failures: those of `Retry-After`, or an exponential backoff.

    At most 36 seconds, with random jitter so that clients refused at the same time do not return at the same time.
    """
    asked = _asked_seconds(retry_after)
    if asked is not None:
        return min(asked, _MAX_PAUSE_SECONDS) * random.uniform(1, 1.2)  # noqa: S311 (jitter)
    longest: float = min(_FIRST_PAUSE_SECONDS * 2 ** min(failures, _MAX_DOUBLINGS), _MAX_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1)  # noqa: S311 (the same)


def _asked_seconds(text: str) -> float | None:
    """Return the seconds in a `Retry-After` header, which contains a number or a date; None if it is invalid."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
