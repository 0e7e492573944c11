"""Layouts in the simulation: a copy for each process, changes at random, clocks set forward, and what must hold.

All times are a thirtieth of the real ones, since a run has only twelve seconds of faults.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from types import UnionType
from typing import TYPE_CHECKING, Any, cast

from shared.layouts import LayoutFull, Layouts
from shared.memory.event_store import MemoryStore
from shared.memory.layout_store import MemoryLayoutStore
from shared.model.errors import Unavailable, Unclear
from shared.model.layout import InboxName, Layout, Timing
from shared.model.position import time_of
from shared.model.records import Guard, Place, StoredEvent
from tests.simulation.virtual import Process
from tests.simulation.wire import Faults, LayOut, Wire

if TYPE_CHECKING:
    from shared.layout_ports import Reading
    from tests.simulation.world import World

TIMING = Timing(refresh_ms=500, max_age_ms=1500, lead_ms=2000)
SKEW_MS = 100
_WRITES = ("insert_events", "move_and_insert", "reposition", "erase")
_FORWARD_MS = (300, 1000, 2500, 4000)


class _WiredLayoutStore:
    """The layout of the table, with each call through a wire."""

    def __init__(self, store: MemoryLayoutStore, wire: Wire) -> None:
        self._store = store
        self._wire = wire

    async def read(self) -> "Reading":
        return await self._wire.call(self._store.read)

    async def write(self, layout: Layout) -> bool:
        return await self._wire.call(lambda: self._store.write(layout))


class SimulatedLayouts:
    """The layout of a run."""

    def __init__(self, events: MemoryStore, services: Process) -> None:
        self.store = MemoryLayoutStore(services)
        self._events = events

    def held_by(self, process: Process, wire: Wire) -> Layouts:
        """Return the holder of the copy of `process`."""
        return Layouts(_WiredLayoutStore(self.store, wire), process, skew_ms=SKEW_MS, timing=TIMING)

    def of(self, process: Process, wire: Wire) -> LayOut:
        """Return how `process` chooses the layout of a call."""
        return laid_out_by(self.held_by(process, wire), self._events)


def laid_out_by(layouts: Layouts, store: MemoryStore) -> LayOut:
    """Return how a process with `layouts` chooses the layout of a call to `store`, as `shared.aws.event_store` does."""

    async def lay_out(name: str, args: Sequence[Any]) -> Callable[[], None]:
        latest_ms = max((time_of(position) for position in _positions(args)), default=0)
        if name in _WRITES:
            events_ms = [time_of(position) for position in _positions(args, StoredEvent)]
            layout = await layouts.for_writing(max(events_ms, default=0), tombstones_ms=latest_ms)
        else:
            layout = await layouts.current(latest_ms)
        return lambda: setattr(store, "layout", layout)

    return lay_out


def _positions(args: Sequence[Any], kinds: type | UnionType = StoredEvent | Place | Guard) -> Iterator[str]:
    """Yield the positions of all `kinds` in `args`."""
    for arg in args:
        if isinstance(arg, StoredEvent | Place | Guard):
            if isinstance(arg, kinds):
                yield arg.place.position if isinstance(arg, StoredEvent) else arg.position
        elif isinstance(arg, list | tuple):
            yield from _positions(arg, kinds)


async def change_at_random(world: "World") -> None:
    """Change the shards of the inbox at random times, and set the clocks of workers forward for some seconds."""
    assert world.layouts
    rng, loop = world.rng, world.loop
    # A change that is written too late is not one of the faults that a layout survives (docs/protocol.md).
    faults = Faults(slow=0.3, lost=0.1, throttled=0.1, counts={})
    process = world.process()
    layouts = world.layouts.held_by(process, Wire(process, rng, faults, timeout_ms=500))
    forward = asyncio.create_task(_set_clocks_forward(world))
    end = loop.time() + 12
    while loop.time() < end:
        try:
            await layouts.scale(_name_of(rng), rng.choice((1, 2, 4, 8)))
        except (Unavailable, Unclear, LayoutFull):
            continue
        await asyncio.sleep(rng.choice((0.1, 1.0, 4.0)) * rng.random())
    await forward


def _name_of(rng: random.Random) -> InboxName:
    return InboxName("acme", "orders" if rng.random() < 0.9 else "other")


async def _set_clocks_forward(world: "World") -> None:
    rng = world.rng
    for _ in range(0 if world.profile.keeps_dlq_empty else rng.choice((0, 1, 3))):
        await asyncio.sleep(rng.expovariate(0.3))
        workers = [process for process in world.workers if not process.is_dead]
        if not workers:
            continue
        process, forward_ms = rng.choice(workers), rng.choice(_FORWARD_MS)
        world.had_wrong_clocks = True
        process.forward_ms = forward_ms
        await asyncio.sleep(rng.expovariate(0.5))
        process.forward_ms = 0


def misplaced(world: "World") -> Iterator[str]:
    """Every event lies in the shard that the epoch of its position says, and so nowhere else.

    A tombstone may not, if a wrong clock put its position far ahead of the table's time: no event can be there.
    """
    if world.layouts is None:
        return
    layout, store = world.layouts.store.layout, cast("MemoryStore", world.store)
    for (shard, place), record in store.by_shard.items():
        if isinstance(record, StoredEvent) and layout.shard_of(place) != shard:
            yield f"in shard {shard} instead of {layout.shard_of(place)}: {place.position}"
