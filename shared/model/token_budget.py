"""One budget per key for all processes: a token bucket from which each process leases a few tokens at a time.

A bucket is one number, the time at which it will be full again. Taking n tokens moves that time n / rate later,
starting from now if it has passed, and may not move it beyond now + burst / rate. So a lease is one conditional write
without a lock, and concurrent leases of two processes both succeed.

Each machine uses its own clock. Every grant moves the time, or restarts it at the machine's current time, so clocks
that differ by s seconds grant rate x s extra tokens in total, not per lease. A time beyond burst / rate and
`MAX_SKEW_MS` ahead was written with a wrong clock, and is treated like a missing response.
"""

from typing import NamedTuple

from shared.model.api_key import ApiKey
from shared.model.errors import Unavailable

MAX_SKEW_MS = 1000
"""Maximum clock difference; beyond it, each process limits on its own."""

_SECOND_US = 1_000_000


class Lease(NamedTuple):
    """Tokens leased to the process, and the time when the shared bucket will be full (epoch microseconds)."""

    tokens: int
    full_us: int


def available(key: ApiKey, full_us: int, now_ms: int) -> int:
    """Return the tokens in the bucket; negative if a machine whose clock is ahead has taken future tokens."""
    return key.burst - max(0, -((now_ms * 1000 - full_us) * key.rate // _SECOND_US))


def tokens_to_take(key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> int:
    """Return the number of tokens to take; raise `Unavailable` if two clocks differ too much."""
    if full_us > now_ms * 1000 + span_us(key, key.burst) + MAX_SKEW_MS * 1000:
        raise Unavailable("the clock that counted last is far ahead of this one")
    amount = min(most, available(key, full_us, now_ms))
    return amount if amount >= least else 0


def span_us(key: ApiKey, tokens: int) -> int:
    """Return the refill time of `tokens` in microseconds, rounded down: rounding up could cost a bucket a token."""
    return max(1, tokens * _SECOND_US // key.rate)
