"""An inbox with an in-memory store that counts its queries."""

import asyncio
from collections.abc import Sequence
from typing import Any

from shared.clock import SystemClock
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.model.errors import Unavailable
from shared.model.position import Minter
from shared.model.records import Count, Place, QueryResult, StoredEvent
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.inbox.reader import Inbox, Page

NOW_MS = 1_800_000_000_000
SETTINGS = Settings()


class HandClock(SystemClock):
    """A wall clock that the test advances."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def wall_ms(self) -> int:
        return self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms


class Slow(MemoryStore):
    """A store whose answers wait for `open`; counts its queries."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(clock)
        self.open = asyncio.Event()
        self.open.set()
        self.queries = 0
        self.counts = 0
        self.fails = False

    async def query(self, inbox: Place, **asked: Any) -> QueryResult:
        self.queries += 1
        await self._answering()
        return await super().query(inbox, **asked)

    async def count(self, inbox: Place, **asked: Any) -> Count:
        self.counts += 1
        await self._answering()
        found = await super().query(inbox, **asked)
        return Count(events=len(found.events), stopped_at=found.stopped_at)

    async def _answering(self) -> None:
        await self.open.wait()
        if self.fails:
            raise Unavailable("the table is gone")


class Bench:
    """The inbox `orders` of the tenant `t`, with its store and bucket."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.store = Slow(self.clock)
        self.bodies = MemoryBodies()
        self.metrics = Metrics()
        self.inbox = Inbox(self.store, self.bodies, self.clock, SETTINGS, self.metrics)
        self.minter = Minter(self.clock)

    def event(
        self,
        body: bytes,
        *,
        kind: str = "a",
        key: str | None = None,
        age_ms: int = 5000,
        delivered_at: int | None = None,
    ) -> StoredEvent:
        self.clock.now_ms -= age_ms
        place = Place("t", "orders", self.minter.mint(), delivered_at is not None)
        self.clock.now_ms += age_ms
        return StoredEvent(
            place=place,
            type=kind,
            body=body,
            accepted_at=NOW_MS - age_ms - 7,
            expires_at=NOW_MS // 1000 + 1000,
            body_key=key,
            delivered_at=delivered_at,
        )

    async def put(self, body: bytes, *, kind: str = "a", key: str | None = None, age_ms: int = 5000) -> str:
        event = self.event(b"" if key else body, kind=kind, key=key, age_ms=age_ms)
        await self.store.insert_events([event])
        return event.place.position

    async def page(self, after: str | None = None, limit: int = 100, types: Sequence[str] = ()) -> Page:
        return await self.inbox.page("t", "orders", after, limit, types)
