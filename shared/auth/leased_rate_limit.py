"""Rate limits with one budget per key across processes: tokens are leased from a `Budget`, a few at a time.

Only leased tokens are granted, so all processes together grant at most rate x time + burst (plus rate x the
difference between their clocks). The cost is that tokens leased by one process are unavailable to the others: a lease
is about what the key used in the last second here, or a hundredth of its burst, and lapses after `LAPSE_MS` unless
another lease follows.

    charge   takes leased tokens, in microseconds; below a quarter of a lease it starts to fetch the next one
    settle   retries a refused charge: it waits for a lease, unless the budget is known to hold too few tokens

While the budget does not respond, each process limits on its own, like `shared.auth.token_bucket`.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable

from shared.auth.rate_limit import Charge
from shared.auth.token_bucket import MAX_BUCKETS, TokenBucketLimiter
from shared.clock import Clock
from shared.containers import BoundedDict
from shared.key_ports import Budget
from shared.model.api_key import ApiKey
from shared.model.errors import Unavailable, Unclear
from shared.model.token_budget import available

logger = logging.getLogger("triggers.limits")

LAPSE_MS = 10_000
"""Tokens held this long without a new lease are dropped; by then the budget has regained them, or is full."""

_AHEAD_MS = 1000
"""A lease covers the use of a key for about this time, so a busy key costs one write per second and process."""
_LEAST_SHARE = 100  # the smallest lease fetched ahead is this fraction of the burst
_PAUSE_MS = 100
"""Pause after a lease that empties the bucket: an exhausted key costs ten writes per second and process, not one per
request."""
_ANSWER_SECONDS = 0.5
_ALONE_MS = 5000
_ROUNDS = 4


class _TokenLease:
    """The tokens of one key that this process has leased. Times are milliseconds of the monotonic clock."""

    __slots__ = ("ask_at_ms", "flight", "full_us", "lapse_at_ms", "lease", "leased_at_ms", "spent", "tokens", "wanted")

    def __init__(self, lease: int, now_ms: int) -> None:
        self.tokens = 0
        self.lease = lease
        self.spent = 0  # since the last lease
        self.wanted = 0  # by waiting requests
        self.full_us = 0
        self.leased_at_ms = now_ms
        self.lapse_at_ms = now_ms
        self.ask_at_ms = now_ms
        self.flight: asyncio.Task[None] | None = None


class LeasedLimiter:
    """Grants leased tokens. One per process; not thread-safe. Memory is bounded by `max_keys`."""

    def __init__(self, budget: Budget, clock: Clock, max_keys: int = MAX_BUCKETS) -> None:
        self._budget = budget
        self._clock = clock
        self._max_keys = max_keys
        self._leases = BoundedDict[str, _TokenLease](max_keys)
        self._flights: set[asyncio.Task[None]] = set()
        self._alone: TokenBucketLimiter | None = None  # while the budget does not respond
        self._try_at_ms = 0

    def charge(self, key: ApiKey, cost: int) -> Charge:
        """Take `cost` tokens (never more than the burst) from the lease of `key`, or none if there are too few.

        A negative cost gives tokens back that were taken before.
        """
        now_ms = self._clock.monotonic_ms()
        held = self._leases.get(key.key_id) or self._add(key, now_ms)
        if self._alone:
            self._try_again(key, held, now_ms)
            return self._alone.charge(key, cost)
        if now_ms >= held.lapse_at_ms:
            held.tokens = min(held.tokens, 0)
        cost = min(cost, key.burst)
        if cost > held.tokens:
            return self._charge(key, held, cost - held.tokens)
        held.tokens -= cost
        held.spent += cost
        if 4 * held.tokens < held.lease and held.flight is None and now_ms >= held.ask_at_ms:
            self._fetch(key, held, least=1)
        return self._charge(key, held, 0)

    def owe(self, key: ApiKey, cost: int) -> Charge:
        """Take `cost` tokens, even if too few are leased: then the key is in debt, of up to a burst, until repaid."""
        if self._alone:
            return self._alone.owe(key, cost)
        held = self._leases.get(key.key_id) or self._add(key, self._clock.monotonic_ms())
        held.tokens = max(held.tokens - cost, 1 - key.burst)
        held.spent += cost
        return self._charge(key, held, 0)

    async def settle(self, key: ApiKey, cost: int, refused: Charge) -> Charge:
        """Retry after the next lease if the budget may hold enough tokens; else return `refused`."""
        cost, charge, rounds = min(cost, key.burst), refused, _ROUNDS
        while charge.retry_after_seconds and rounds and not self._alone:
            rounds -= 1
            now_ms = self._clock.monotonic_ms()
            held = self._leases.get(key.key_id) or self._add(key, now_ms)
            least = min(cost - held.tokens, key.burst)  # a debt may need several leases
            if available(key, held.full_us, self._clock.wall_ms()) < least:
                break
            if held.flight is None and now_ms < held.ask_at_ms:
                break
            await self._wait(held, cost, held.flight or self._fetch(key, held, least=max(1, least)))
            charge = self.charge(key, cost)
        return charge

    async def aclose(self) -> None:
        """Stop fetching. Leased tokens lapse."""
        for flight in self._flights:
            flight.cancel()
        await asyncio.gather(*self._flights, return_exceptions=True)

    async def _wait(self, held: _TokenLease, cost: int, flight: Awaitable[None]) -> None:
        held.wanted += cost
        try:
            await asyncio.shield(flight)
        finally:
            held.wanted -= cost

    def _fetch(self, key: ApiKey, held: _TokenLease, *, least: int) -> asyncio.Task[None]:
        flight = held.flight = asyncio.create_task(self._lease(key, held, least))
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)
        return flight

    async def _lease(self, key: ApiKey, held: _TokenLease, least: int) -> None:
        await asyncio.sleep(0)  # so that all requests waiting by now are counted
        now_ms, wall_ms = self._clock.monotonic_ms(), self._clock.wall_ms()
        held.lease = _next_lease(key, held, now_ms)
        most = max(least, held.lease + held.wanted - held.tokens)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                lease = await self._budget.take(key, least=least, most=most, now_ms=wall_ms, full_us=held.full_us)
        except (Unavailable, Unclear, TimeoutError) as error:
            self._go_alone(error)
            return
        finally:
            held.flight = None
        now_ms, self._alone = self._clock.monotonic_ms(), None
        held.leased_at_ms, held.spent, held.full_us = now_ms, 0, lease.full_us
        held.tokens += lease.tokens
        if lease.tokens:
            held.lapse_at_ms = now_ms + LAPSE_MS
        if available(key, lease.full_us, wall_ms) <= 0:
            held.ask_at_ms = now_ms + _PAUSE_MS

    def _go_alone(self, error: Exception) -> None:
        if self._alone is None:
            logger.warning("each process limits on its own", extra={"error": f"{type(error).__name__}: {error}"})
            self._alone = TokenBucketLimiter(self._clock, self._max_keys)
        self._try_at_ms = self._clock.monotonic_ms() + _ALONE_MS

    def _try_again(self, key: ApiKey, held: _TokenLease, now_ms: int) -> None:
        """Try to lease again every few seconds, without making a request wait for it."""
        if now_ms >= self._try_at_ms and held.flight is None:
            self._try_at_ms = now_ms + _ALONE_MS
            self._fetch(key, held, least=1)

    def _charge(self, key: ApiKey, held: _TokenLease, missing: int) -> Charge:
        """Return the charge for the response headers, from the leased tokens and the estimated ones in the budget."""
        shared = max(0, available(key, held.full_us, self._clock.wall_ms()))
        remaining = max(0, min(key.burst, held.tokens + shared))
        return Charge(
            remaining=remaining,
            full_after_seconds=math.ceil((key.burst - remaining) / key.rate),
            retry_after_seconds=max(missing - shared, 1) / key.rate if missing else 0.0,
        )

    def _add(self, key: ApiKey, now_ms: int) -> _TokenLease:
        held = self._leases[key.key_id] = _TokenLease(_least_lease(key), now_ms)
        return held


def _least_lease(key: ApiKey) -> int:
    return max(1, key.burst // _LEAST_SHARE)


def _next_lease(key: ApiKey, held: _TokenLease, now_ms: int) -> int:
    """Return the size of the next lease: one second's tokens at the rate of use since the last lease.

    It at most doubles, and at most halves, from one lease to the next.
    """
    used = held.spent * _AHEAD_MS // max(1, now_ms - held.leased_at_ms)
    lease = min(max(used, held.lease // 2), 2 * held.lease)
    return min(max(lease, _least_lease(key)), key.burst)
