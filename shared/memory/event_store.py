"""An `EventStore` in memory with the guarantees of the AWS store, for tests and simulation.

Every method takes effect in one event-loop iteration, so it is as atomic as a DynamoDB call or transaction.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from shared.clock import Clock
from shared.model.event import Identity
from shared.model.layout import Layout
from shared.model.records import Count, Guard, Outcome, Place, QueryResult, Record, StoredEvent, Tombstone
from shared.model.type_pattern import matches_any

_DAY_SECONDS = 86_400
_CURRENT = "guard"
_ONE_SHARD = Layout()


class MemoryStore:
    """An `EventStore` whose inboxes are laid out by `layout`, which may be replaced between two calls.

    Its contents last as long as the process.
    """

    def __init__(self, clock: Clock, layout: Layout = _ONE_SHARD) -> None:
        self._clock = clock
        self.layout = layout
        self.by_shard: dict[tuple[int, Place], Record] = {}
        self._positions: dict[tuple[str, str, bool, int], list[str]] = {}
        self._guards: dict[Identity, dict[str, Guard]] = {}

    @property
    def records(self) -> Mapping[Place, Record]:
        """The record at each place."""
        return {place: record for (_, place), record in self.by_shard.items()}

    def shard_of(self, place: Place) -> int:
        """Return the shard that holds what lies at `place`."""
        return self.layout.shard_of(place)

    def guards(self) -> list[Guard]:
        """Return all guards."""
        return [guard for guards in self._guards.values() for guard in guards.values()]

    async def ready(self) -> None:
        """Return: memory is always available."""

    async def shards(self, inbox: Place, before: str) -> int:
        """Return in how many shards to read a range."""
        return self.layout.shards_between(inbox, before)

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
        records = [self.by_shard[shard, inbox._replace(position=position)] for position in scanned]
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
        return [self._at(place) for place in places]

    async def prepare(self) -> None:
        """Return: nothing needs to be read first."""

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
            if isinstance(self._at(place), StoredEvent):
                del self.by_shard[self.shard_of(place), place]
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
        guards, key = self._unchanged(current), _key(guard)
        if guards is None or key not in guards or self._at(event.place):
            return False
        self._insert_event(event)
        guards[key] = replace(guards[key], position=event.place.position)
        self._raise_version(guards)
        return True

    async def reposition(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move a guard and its event to the event's position."""
        old = event.place._replace(position=guard.position)
        delivered = old._replace(delivered=True)
        moved = replace(event, moved=True)
        if self._at(delivered) or not await self.move_and_insert(current, guard, moved):
            return False
        self._bury(old, event.place.position)
        self._bury(delivered, event.place.position)
        return True

    async def erase(self, current: Guard, erased: Guard) -> bool:
        """Mark a guard as `erased` says, and put tombstones at both places of its position."""
        guards, key = self._unchanged(current), _key(erased)
        if guards is None or key not in guards:
            return False
        guards[key] = replace(guards[key], erased_at=erased.erased_at, expires_at=erased.expires_at)
        for delivered in (False, True):
            self._bury(Place(erased.identity.tenant, erased.identity.inbox, erased.position, delivered), None)
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
        if self._at(event.place):
            return Outcome.EXISTS
        self._put(event.place, event)
        return Outcome.DONE

    def _bury(self, place: Place, moved_to: str | None) -> None:
        expires_at = self._clock.wall_ms() // 1000 + _DAY_SECONDS
        self._put(place, Tombstone(place=place, moved_to=moved_to, expires_at=expires_at))

    def _at(self, place: Place) -> Record | None:
        return self.by_shard.get((self.shard_of(place), place))

    def _put(self, place: Place, record: Record) -> None:
        if self._at(place) is None:
            insort(self._shard(place), place.position)
        self.by_shard[self.shard_of(place), place] = record

    def _shard(self, place: Place) -> list[str]:
        key = (place.tenant, place.inbox, place.delivered, self.shard_of(place))
        return self._positions.setdefault(key, [])


def _key(guard: Guard) -> str:
    return _CURRENT if guard.current else guard.receipt
