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
        now_ms = self._clock.monotonic_ms()
        bucket = self._buckets.get(key.key_id) or self._add(key, now_ms)
        tokens = min(float(key.burst), bucket.tokens + (now_ms - bucket.at_ms) * key.rate / 1000)
        missing = min(cost, key.burst) - tokens
        if missing <= 0:
            tokens = min(-missing, float(key.burst))
        bucket.tokens, bucket.at_ms = tokens, now_ms
        return Charge(
            remaining=int(tokens),
            full_after_seconds=math.ceil((key.burst - tokens) / key.rate),
            retry_after_seconds=max(0.0, missing / key.rate),
        )

    async def settle(self, key: Limited, cost: int, refused: Charge) -> Charge:  # noqa: ARG002 - the port's
        """Return `refused`: a short wait never helps."""
        return refused

    async def aclose(self) -> None:
        """Do nothing: there is no background work."""

    def _add(self, key: Limited, now_ms: int) -> _Bucket:
        bucket = self._buckets[key.key_id] = _Bucket(float(key.burst), now_ms)
        return bucket
