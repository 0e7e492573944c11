"""Rate limits by a token bucket per key, in one process."""

import math

from shared.auth.rate_limit import Charge, Limited
from shared.clock import Clock
from shared.containers import BoundedDict

MAX_BUCKETS = 10_000
"""Beyond this number the oldest bucket is dropped, and its key starts again with a full one."""


class _Bucket:
    __slots__ = ("at_ms", "tokens")

    def __init__(self, tokens: float, at_ms: int) -> None:
        self.tokens = tokens
        self.at_ms = at_ms


class TokenBucketLimiter:
    """One bucket per key, in this process: n processes together grant up to n times the rate."""

    def __init__(self, clock: Clock, max_buckets: int = MAX_BUCKETS) -> None:
        self._clock = clock
        self._buckets = BoundedDict[str, _Bucket](max_buckets)

    def charge(self, key: Limited, cost: int) -> Charge:
        """Take `cost` tokens (never more than the burst) from the bucket of `key`, or none if there are too few.

        A negative cost gives tokens back that were taken before.
        """
        bucket = self._refilled(key)
        missing = min(cost, key.burst) - bucket.tokens
        if missing <= 0:
            bucket.tokens = min(-missing, float(key.burst))
        return _charge(key, bucket.tokens, missing)

    def owe(self, key: Limited, cost: int) -> Charge:
        """Take `cost` tokens, even if there are too few: then the bucket is in debt, of up to a burst, until repaid."""
        bucket = self._refilled(key)
        bucket.tokens = max(bucket.tokens - cost, 1.0 - key.burst)
        return _charge(key, bucket.tokens, 0)

    async def settle(self, key: Limited, cost: int, refused: Charge) -> Charge:  # noqa: ARG002 - the port's
        """Return `refused`: a short wait never helps."""
        return refused

    async def aclose(self) -> None:
        """Do nothing: there is no background work."""

    def _refilled(self, key: Limited) -> _Bucket:
        """Return the bucket of `key` with its tokens of now."""
        now_ms = self._clock.monotonic_ms()
        bucket = self._buckets.get(key.key_id)
        if bucket is None:
            bucket = self._buckets[key.key_id] = _Bucket(float(key.burst), now_ms)
        bucket.tokens = min(float(key.burst), bucket.tokens + (now_ms - bucket.at_ms) * key.rate / 1000)
        bucket.at_ms = now_ms
        return bucket


def _charge(key: Limited, tokens: float, missing: float) -> Charge:
    return Charge(
        remaining=max(0, int(tokens)),
        full_after_seconds=math.ceil((key.burst - tokens) / key.rate),
        retry_after_seconds=max(0.0, missing / key.rate),
    )
