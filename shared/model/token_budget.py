"""One budget per key for all processes: a token bucket of which each process leases a few tokens at a time.

A bucket is one number, the moment at which it will be full again. Taking n tokens moves that moment n / rate later,
counted from now if it has passed, and may not move it further ahead than burst / rate. So a lease is one conditional
write that needs no lock, and two processes that write at once both get what they took.

Machines count with their own clocks. All that is granted moves the moment, or restarts it at a machine's now, so
clocks that differ by s seconds grant rate x s tokens more in all, not each time. A moment further ahead than the
bucket's span and `MAX_SKEW_MS` is by some clock that is wrong, and counts as no answer.
"""

from typing import NamedTuple

from shared.model.api_key import ApiKey
from shared.model.errors import Unavailable

MAX_SKEW_MS = 1000
"""Clocks may differ by so much; past it every process counts alone."""

_SECOND_US = 1_000_000


class Lease(NamedTuple):
    """Tokens that are the process's now, and when the joint bucket will be full (epoch µs)."""

    tokens: int
    full_us: int


def available(key: ApiKey, full_us: int, now_ms: int) -> int:
    """Return how many tokens the bucket holds; below zero if a faster clock has taken some of tomorrow's."""
    return key.burst - max(0, -((now_ms * 1000 - full_us) * key.rate // _SECOND_US))


def tokens_to_take(key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> int:
    """Return how many tokens to take; raise `Unavailable` if two clocks disagree too much."""
    if full_us > now_ms * 1000 + span_us(key, key.burst) + MAX_SKEW_MS * 1000:
        raise Unavailable("the clock that counted last is far ahead of this one")
    amount = min(most, available(key, full_us, now_ms))
    return amount if amount >= least else 0


def span_us(key: ApiKey, tokens: int) -> int:
    """Return how long `tokens` take to come back; rounded down, or rounding would cost small buckets a token."""
    return max(1, tokens * _SECOND_US // key.rate)
