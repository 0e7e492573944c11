"""An inbox with an in-memory store that counts its queries."""

from collections.abc import Sequence

from shared.memory.bodies import MemoryBodies
from shared.model.position import Minter
from shared.model.records import Place, StoredEvent
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from tests.fakes.clock import START_MS, FakeClock
from tests.fakes.store import FakeStore
from worker.inbox.reader import Inbox, Page

SETTINGS = Settings()


class Bench:
    """The inbox `orders` of the tenant `t`, with its store and bucket."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeStore(self.clock)
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
        self.clock.offset_ms -= age_ms
        place = Place("t", "orders", self.minter.mint(), delivered_at is not None)
        self.clock.offset_ms += age_ms
        return StoredEvent(
            place=place,
            type=kind,
            body=body,
            accepted_at=START_MS - age_ms - 7,
            expires_at=START_MS // 1000 + 1000,
            body_key=key,
            delivered_at=delivered_at,
        )

    async def put(self, body: bytes, *, kind: str = "a", key: str | None = None, age_ms: int = 5000) -> str:
        event = self.event(b"" if key else body, kind=kind, key=key, age_ms=age_ms)
        await self.store.insert_events([event])
        return event.place.position

    async def page(self, after: str | None = None, limit: int = 100, types: Sequence[str] = ()) -> Page:
        return await self.inbox.page("t", "orders", after, limit, types)
