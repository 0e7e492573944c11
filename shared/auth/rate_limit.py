"""Token buckets: how many events a key may send, and how many requests it may read, a second."""

import math
from typing import NamedTuple, Protocol

from shared.clock import Clock
from shared.model.api_key import ApiKey

MAX_BUCKETS = 10_000
"""Past it the oldest bucket is forgotten, and its key starts with a full one."""


class Charge(NamedTuple):
    """What a charge came to. `retry_after_seconds` is zero if it was granted, else when it can be.

    `remaining` are tokens left; `full_after_seconds` is when the bucket is full again.
    """

    remaining: int
    full_after_seconds: int
    retry_after_seconds: float


class RateLimiter(Protocol):
    """What charges keys: `TokenBucketLimiter`, or `shared.auth.leased_rate_limit.LeasedLimiter`."""

    def charge(self, key: ApiKey, cost: int) -> Charge:
        """Take `cost` tokens (never more than the burst) from the bucket of `key`, or none if there are too few."""
        ...

    async def settle(self, key: ApiKey, cost: int, refused: Charge) -> Charge:
        """Charge again, if waiting for a moment may help; else return `refused`, what the charge came to."""
        ...

    async def aclose(self) -> None:
        """Stop what is under way."""
        ...


class _Bucket:
    __slots__ = ("at_ms", "tokens")

    def __init__(self, tokens: float, at_ms: int) -> None:
        self.tokens = tokens
        self.at_ms = at_ms


class TokenBucketLimiter:
    """One bucket per key, in this process: n processes together grant up to n times the rate."""

    def __init__(self, clock: Clock, max_buckets: int = MAX_BUCKETS) -> None:
        self._clock = clock
        self._max_buckets = max_buckets
        self._buckets: dict[str, _Bucket] = {}

    def charge(self, key: ApiKey, cost: int) -> Charge:
        """Take `cost` tokens (never more than the burst) from the bucket of `key`, or none if there are too few."""
        now_ms = self._clock.monotonic_ms()
        bucket = self._buckets.get(key.key_id) or self._add(key, now_ms)
        tokens = min(float(key.burst), bucket.tokens + (now_ms - bucket.at_ms) * key.rate / 1000)
        missing = min(cost, key.burst) - tokens
        if missing <= 0:
            tokens = -missing
        bucket.tokens, bucket.at_ms = tokens, now_ms
        return Charge(
            remaining=int(tokens),
            full_after_seconds=math.ceil((key.burst - tokens) / key.rate),
            retry_after_seconds=max(0.0, missing / key.rate),
        )

    async def settle(self, key: ApiKey, cost: int, refused: Charge) -> Charge:  # noqa: ARG002 - the port's
        """Return `refused`: waiting for a moment never helps."""
        return refused

    async def aclose(self) -> None:
        """Return: nothing is under way."""

    def _add(self, key: ApiKey, now_ms: int) -> _Bucket:
        if len(self._buckets) >= self._max_buckets:
            del self._buckets[next(iter(self._buckets))]
        bucket = self._buckets[key.key_id] = _Bucket(float(key.burst), now_ms)
        return bucket
