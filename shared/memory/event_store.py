"""An `EventStore` in memory with the guarantees of the AWS store, for tests and simulation.

Every method takes effect in one event-loop iteration, so it is as atomic as a DynamoDB call or transaction.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

from msgspec.structs import replace

from shared.clock import Clock
from shared.model.event import Identity
from shared.model.position import shard_of
from shared.model.records import Count, Guard, Outcome, Place, QueryResult, Record, StoredEvent, Tombstone
from shared.model.type_pattern import matches_any

_DAY_SECONDS = 86_400
_CURRENT = "guard"


class MemoryStore:
    """An `EventStore` with `shards` shards per inbox. Its contents last as long as the process."""

    def __init__(self, clock: Clock, *, shards: int = 4) -> None:
        self._clock = clock
        self._shards = shards
        self.records: dict[Place, Record] = {}
        self._positions: dict[tuple[str, str, bool, int], list[str]] = {}
        self._guards: dict[Identity, dict[str, Guard]] = {}

    def guards(self) -> list[Guard]:
        """Return all guards."""
        return [guard for guards in self._guards.values() for guard in guards.values()]

    async def ready(self) -> None:
        """Return: memory is always available."""

    async def query(
        self,
        inbox: Place,
        *,
        shard: int,
        before: str,
        limit: int,
        types: Sequence[str] = (),
        newest_first: bool = False,
    ) -> QueryResult:
        """Return events of one shard between `inbox.position` and `before`, both exclusive."""
        positions = self._positions.get((inbox.tenant, inbox.inbox, inbox.delivered, shard), [])
        scanned = positions[bisect_right(positions, inbox.position) : bisect_left(positions, before)]
        if newest_first:
            scanned.reverse()
        is_cut, scanned = len(scanned) > limit, scanned[:limit]
        now_ms = self._clock.wall_ms()
        records = [self.records[inbox._replace(position=position)] for position in scanned]
        events = [
            record
            for record in records
            if isinstance(record, StoredEvent) and record.expires_at * 1000 > now_ms and matches_any(types, record.type)
        ]
        last = scanned[-1] if scanned else None
        return QueryResult(events=events, scanned_to=last, stopped_at=last if is_cut else None)

    async def count(self, inbox: Place, *, shard: int, before: str, limit: int, types: Sequence[str] = ()) -> Count:
        """Count what `query` would return."""
        found = await self.query(inbox, shard=shard, before=before, limit=limit, types=types)
        return Count(events=len(found.events), stopped_at=found.stopped_at)

    def mark(self) -> int:
        """Return 0: changes are not detected."""
        return 0

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:  # noqa: ARG002 - the port's
        """Wait for `timeout_ms`, as DynamoDB's reader does."""
        await self._clock.sleep_ms(timeout_ms)

    async def read_guard(self, identity: Identity) -> Guard | None:
        """Return the current guard."""
        return self._guards.get(identity, {}).get(_CURRENT)

    async def read_guards(self, identity: Identity) -> list[Guard]:
        """Return the current guard and the older ones."""
        # The current one, then by receipt, as in SQLite: the simulation compares both call by call.
        guards = self._guards.get(identity, {})
        return [guards[key] for key in sorted(guards, key=lambda key: (key != _CURRENT, key))]

    async def read_events(self, places: Sequence[Place]) -> list[Record | None]:
        """Return the records at `places`."""
        return [self.records.get(place) for place in places]

    async def insert_guards(self, guards: Sequence[Guard]) -> list[Outcome]:
        """Claim identities independently."""
        return [self._insert_guard(guard) for guard in guards]

    async def insert_events(self, events: Sequence[StoredEvent]) -> list[Outcome]:
        """Insert events independently."""
        return [self._insert_event(event) for event in events]

    async def list_inboxes(self, tenant: str, *, after: str, limit: int) -> list[str]:
        """Return the inboxes of `tenant` that have records."""
        return sorted({place.inbox for place in self.records if place.tenant == tenant and place.inbox > after})[:limit]

    async def remove_events(self, places: Sequence[Place]) -> None:
        """Delete the events at `places`; tombstones remain."""
        for place in places:
            if isinstance(self.records.get(place), StoredEvent):
                del self.records[place]
                self._shard(place).remove(place.position)

    async def move_guards(self, moved: Sequence[Guard]) -> list[Outcome]:
        """Move current guards independently."""
        return [self._move_guard(guard) for guard in moved]

    async def take_over(self, current: Guard, new: Guard) -> bool:
        """Make `new` the current guard; keep the old one under its receipt."""
        guards = self._unchanged(current)
        if guards is None:
            return False
        guards[current.receipt] = replace(guards[_CURRENT], current=False, version=0)
        guards[_CURRENT] = replace(new, current=True, version=current.version + 1)
        return True

    async def insert_older(self, current: Guard, older: Guard) -> bool:
        """Keep `older` under its receipt."""
        guards = self._unchanged(current)
        if guards is None or older.receipt in guards:
            return False
        guards[older.receipt] = replace(older, current=False, version=0)
        self._raise_version(guards)
        return True

    async def move_and_insert(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move a guard to the event's position, and insert the event."""
        guards = self._unchanged(current)
        if guards is None or event.place in self.records:
            return False
        self._insert_event(event)
        key = _key(guard)
        guards[key] = replace(guards[key], position=event.place.position)
        self._raise_version(guards)
        return True

    async def reposition(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move a guard and its event to the event's position."""
        old = event.place._replace(position=guard.position)
        delivered = old._replace(delivered=True)
        moved = replace(event, moved=True)
        if delivered in self.records or not await self.move_and_insert(current, guard, moved):
            return False
        self._bury(old, event.place.position)
        self._bury(delivered, event.place.position)
        return True

    async def erase(self, current: Guard, guard: Guard, erased_at: int) -> bool:
        """Mark a guard erased and put tombstones at both places of its position."""
        guards = self._unchanged(current)
        if guards is None:
            return False
        key = _key(guard)
        guards[key] = replace(guards[key], erased_at=erased_at)
        for delivered in (False, True):
            self._bury(Place(guard.identity.tenant, guard.identity.inbox, guard.position, delivered), None)
        self._raise_version(guards)
        return True

    def _unchanged(self, current: Guard) -> dict[str, Guard] | None:
        guards = self._guards.get(current.identity, {})
        now = guards.get(_CURRENT)
        if now is None or (now.receipt, now.version) != (current.receipt, current.version):
            return None
        return guards

    def _raise_version(self, guards: dict[str, Guard]) -> None:
        guards[_CURRENT] = replace(guards[_CURRENT], version=guards[_CURRENT].version + 1)

    def _insert_guard(self, guard: Guard) -> Outcome:
        guards = self._guards.setdefault(guard.identity, {})
        if _CURRENT in guards:
            return Outcome.EXISTS
        guards[_CURRENT] = guard
        return Outcome.DONE

    def _move_guard(self, moved: Guard) -> Outcome:
        guards = self._unchanged(replace(moved, version=moved.version - 1))
        if guards is None:
            return Outcome.EXISTS
        guards[_CURRENT] = replace(guards[_CURRENT], position=moved.position, version=moved.version)
        return Outcome.DONE

    def _insert_event(self, event: StoredEvent) -> Outcome:
        if event.place in self.records:
            return Outcome.EXISTS
        self._put(event.place, event)
        return Outcome.DONE

    def _bury(self, place: Place, moved_to: str | None) -> None:
        expires_at = self._clock.wall_ms() // 1000 + _DAY_SECONDS
        self._put(place, Tombstone(place=place, moved_to=moved_to, expires_at=expires_at))

    def _put(self, place: Place, record: Record) -> None:
        if place not in self.records:
            insort(self._shard(place), place.position)
        self.records[place] = record

    def _shard(self, place: Place) -> list[str]:
        key = (place.tenant, place.inbox, place.delivered, shard_of(place.position, self._shards))
        return self._positions.setdefault(key, [])


def _key(guard: Guard) -> str:
    return _CURRENT if guard.current else guard.receipt
