"""A store of events that records its queries, and fails or waits on request."""

import asyncio
from bisect import bisect_left
from typing import Any

from shared.clock import Clock
from shared.memory.event_store import MemoryStore
from shared.model.errors import Unavailable
from shared.model.records import Count, Place, QueryResult
from tests.fakes.layout import every_inbox

SHARDS = 4


class FakeStore(MemoryStore):
    """Records queries and counts. Their answers take `delay_ms`, wait for `unblocked`, and are errors while `down`."""

    def __init__(self, clock: Clock, *, shards: int = SHARDS, delay_ms: int = 0) -> None:
        super().__init__(clock, every_inbox(shards))
        self.down = False
        self.unblocked = asyncio.Event()
        self.unblocked.set()
        self.queried_ms: list[int] = []
        self.counts = 0
        self.delay_ms = delay_ms

    @property
    def queries(self) -> int:
        return len(self.queried_ms)

    def most_in_a_second(self, after_ms: int = 0) -> int:
        """Return the largest number of queries in any second that begins after `after_ms`."""
        starts = (start for start in self.queried_ms if start >= after_ms)
        return max(bisect_left(self.queried_ms, start + 1000) - bisect_left(self.queried_ms, start) for start in starts)

    async def ready(self) -> None:
        if self.down:
            raise Unavailable("the table is gone")

    async def query(self, inbox: Place, **asked: Any) -> QueryResult:
        self.queried_ms.append(self._clock.monotonic_ms())
        return await self._answer(inbox, **asked)

    async def count(self, inbox: Place, **asked: Any) -> Count:
        self.counts += 1
        found = await self._answer(inbox, **asked)
        return Count(events=len(found.events), stopped_at=found.stopped_at)

    async def _answer(self, inbox: Place, **asked: Any) -> QueryResult:
        found = await super().query(inbox, **asked)
        if self.delay_ms:
            await self._clock.sleep_ms(self.delay_ms)
        await self.unblocked.wait()
        await self.ready()
        return found
