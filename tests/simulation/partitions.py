"""The write capacity of DynamoDB: partitions with a budget of write units, in front of any store.

An item of up to 1 KB costs one unit, in a transaction two. A statement that its partition refuses costs nothing; a
transaction that is canceled, for a condition or for one item's partition, is charged for the others. Guards are spread
over the table, so only the records of an inbox share a partition: one shard, undelivered or delivered, each.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from shared.model.errors import Unavailable
from shared.model.records import Guard, Outcome, Place, StoredEvent
from shared.ports import EventStore

AMPLE = 1_000_000
"""More units a second than any run needs."""

_Key = tuple[str, str, bool, int]


class _Partition(msgspec.Struct):
    """A token bucket."""

    units: float
    as_of: float


class Capacity:
    """The budgets of all partitions: `rate` units a second each, and as much again as `burst_seconds` save up."""

    def __init__(self, time: Callable[[], float], *, rate: float, burst_seconds: float = 1.0) -> None:
        self.charged = 0
        self._time = time
        self._burst_seconds = burst_seconds
        self.rate = rate
        self._partitions: dict[_Key, _Partition] = {}

    def charge(self, units: int) -> None:
        """Charge `units` that no partition limits."""
        self.charged += units

    def take(self, key: _Key, units: int) -> bool:
        """Charge `units` to a partition; return whether it could take them."""
        now = self._time()
        most = self.rate * self._burst_seconds
        partition = self._partitions.setdefault(key, _Partition(most, now))
        partition.units = min(most, partition.units + (now - partition.as_of) * self.rate)
        partition.as_of = now
        if partition.units < units:
            return False
        partition.units -= units
        self.charged += units
        return True


class PartitionedStore:
    """`store`, with every write charged to `capacity`. Reads are free."""

    def __init__(self, store: EventStore, capacity: Capacity, shard_of: Callable[[Place], int] = lambda _: 0) -> None:
        self._store = store
        self._capacity = capacity
        self._shard_of = shard_of

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method: Callable[..., Coroutine[Any, Any, Any]] = getattr(self._store, name)
        return method

    async def insert_guards(self, guards: Sequence[Guard]) -> list[Outcome]:
        self._capacity.charge(len(guards))
        return await self._store.insert_guards(guards)

    async def insert_events(self, events: Sequence[StoredEvent]) -> list[Outcome]:
        taken = [self._take(event.place, 1) for event in events]
        admitted = [event for event, is_taken in zip(events, taken, strict=True) if is_taken]
        outcomes = iter(await self._store.insert_events(admitted))
        return [next(outcomes) if is_taken else Outcome.THROTTLED for is_taken in taken]

    async def remove_events(self, places: Sequence[Place]) -> None:
        taken = [place for place in places if self._take(place, 1)]
        await self._store.remove_events(taken)
        if len(taken) < len(places):
            raise Unavailable("throttled")

    async def move_guards(self, moved: Sequence[Guard]) -> list[Outcome]:
        self._capacity.charge(len(moved))
        return await self._store.move_guards(moved)

    async def take_over(self, current: Guard, new: Guard) -> bool:
        self._transact(guards=2)
        return await self._store.take_over(current, new)

    async def insert_older(self, current: Guard, older: Guard) -> bool:
        self._transact(guards=2)
        return await self._store.insert_older(current, older)

    async def move_and_insert(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        self._transact(event.place, guards=_guards(guard))
        return await self._store.move_and_insert(current, guard, event)

    async def reposition(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        old = event.place._replace(position=guard.position)
        self._transact(event.place, old, old._replace(delivered=True), guards=_guards(guard))
        return await self._store.reposition(current, guard, event)

    async def erase(self, current: Guard, erased: Guard) -> bool:
        place = Place(erased.identity.tenant, erased.identity.inbox, erased.position)
        self._transact(place, place._replace(delivered=True), guards=_guards(erased))
        return await self._store.erase(current, erased)

    def _transact(self, *places: Place, guards: int) -> None:
        self._capacity.charge(2 * guards)
        taken = [self._take(place, 2) for place in places]
        if not all(taken):
            raise Unavailable("throttled")

    def _take(self, place: Place, units: int) -> bool:
        key = (place.tenant, place.inbox, place.delivered, self._shard_of(place))
        return self._capacity.take(key, units)


def _guards(guard: Guard) -> int:
    """The guard items that a change of `guard` writes: an older one changes the current guard's version as well."""
    return 1 if guard.current else 2
