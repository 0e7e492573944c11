"""A group of the inbox `orders` in memory, in virtual time; events that it stores have settled."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from shared.memory.bodies import MemoryBodies
from shared.memory.group_store import MemoryGroupStore
from shared.model.groups import GroupConfig, GroupName
from shared.model.position import Minter
from shared.model.records import Place, StoredEvent
from shared.settings import Settings
from tests.fakes.store import FakeStore
from tests.fakes.virtual_time import in_virtual_time
from tests.simulation.virtual import Process
from worker.groups.groups import Groups
from worker.groups.turn import Lease

GROUP = GroupName("t", "orders", "billing")
SETTINGS = Settings()
SECONDS = 60
LAPSED = SECONDS + SETTINGS.clock_skew_ms / 1000
"""Seconds after which a lease of `SECONDS` can be taken over."""


class World:
    """The group, two processes that serve it, and the inbox."""

    def __init__(self) -> None:
        self.clock = Process(asyncio.get_running_loop())
        self.store = FakeStore(self.clock)
        self.groups_store = MemoryGroupStore()
        self.groups, self.other = self.process(), self.process()
        self._minter = Minter(self.clock)

    def process(self, settings: Settings = SETTINGS) -> Groups:
        return Groups(self.groups_store, self.store, MemoryBodies(), self.clock, settings)

    async def put(self, count: int, *, kind: str = "order.paid", size: int = 0, settled: bool = True) -> list[str]:
        """Store events; return their positions. By default, they can be leased."""
        places = [Place(GROUP.tenant, GROUP.inbox, self._minter.mint()) for _ in range(count)]
        events = [
            StoredEvent(
                place=place,
                type=kind,
                body=msgspec.json.encode({"specversion": "1.0", "id": place.position, "data": "x" * size}),
                accepted_at=self.clock.wall_ms(),
                expires_at=self.clock.wall_ms() // 1000 + 1_000_000,
            )
            for place in places
        ]
        await self.store.insert_events(events)
        if settled:
            await self.sleep(SETTINGS.settle_ms / 1000 + 0.005)
        return [place.position for place in places]

    async def drop(self, *positions: str) -> None:
        """Remove events from the inbox, as an ack for all readers does."""
        await self.store.remove_events([Place(GROUP.tenant, GROUP.inbox, position) for position in positions])

    async def create(self, config: GroupConfig = GroupConfig(backoff_min_seconds=0), start: str = "") -> None:  # noqa: B008
        await self.groups.admin.create(GROUP, config, start)

    async def lease(
        self, limit: int = 100, *, wait: float = 0, by: Groups | None = None, seconds: int = SECONDS
    ) -> Lease | None:
        return await (by or self.groups).lease(GROUP, limit=limit, seconds=seconds, wait_seconds=wait)

    async def leased(self, limit: int = 100, *, by: Groups | None = None) -> tuple[Lease, list[str]]:
        """Lease events that there must be; return the lease and their positions."""
        lease = await self.lease(limit, by=by)
        assert lease is not None
        return lease, positions_of(lease)

    async def quarantined(self) -> list[str]:
        ledger = await self.groups.admin.find(GROUP)
        page = await self.groups.admin.quarantine(GROUP, ledger, limit=100)
        return [event.position for event in page.events]

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def aclose(self) -> None:
        await self.groups.aclose()
        await self.other.aclose()


def positions_of(lease: Lease | None) -> list[str]:
    events: Sequence[bytes] = () if lease is None else lease.events
    return [msgspec.json.decode(event)["position"] for event in events]


def with_group(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run `test` in virtual time, with a group that exists and retries without a delay."""

    @in_virtual_time
    async def run() -> None:
        world = World()
        await world.create()
        try:
            await test(world)
        finally:
            await world.aclose()

    run.__name__ = test.__name__
    return run
