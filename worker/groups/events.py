"""Reads the events of a group: after its frontier, within a window, or at single positions."""

from collections.abc import Iterator, Sequence

from shared.clock import Clock
from shared.containers import batches
from shared.model import position
from shared.model.groups import GroupName, RangeWindow, digest_of
from shared.model.records import Place, StoredEvent
from shared.model.type_pattern import matches_any
from shared.ports import MAX_STATEMENTS, BodyStore, EventReader
from shared.service_time import Reading, ServiceTime
from shared.settings import Settings
from worker.reading.contents import Contents, Finished
from worker.reading.limits import MAX_LIMIT
from worker.reading.scan import ScanResult, scan


class GroupEvents:
    """The events of one table, as groups read them."""

    def __init__(
        self,
        reader: EventReader,
        bodies: BodyStore,
        clock: Clock,
        settings: Settings,
        service_time: ServiceTime | None = None,
    ) -> None:
        self._reader = reader
        self._service_time = service_time or ServiceTime()
        self._contents = Contents(reader, bodies)
        self._clock = clock
        self._settle_ms = settings.settle_ms

    def bound(self) -> str:
        """Return the position below which no event can be stored any more."""
        return self._bound(Reading.of(self._clock))

    def _bound(self, now: Reading) -> str:
        return position.floor_of(now.wall_ms - self._settle_ms)

    async def after(self, group: GroupName, frontier: str, types: Sequence[str], limit: int) -> ScanResult:
        """Return up to `limit` events of `types` after `frontier` and before the bound; raise `ClockWrong`."""
        now = Reading.of(self._clock)
        scanned = await self._scan(group, frontier, self._bound(now), types, limit)
        await self.check_clock(now)
        return scanned

    async def check_clock(self, now: Reading) -> None:
        """Return if the clock was right in `now`, else raise `ClockWrong`."""
        await self._service_time.check(now, self._reader.ready)

    async def within(self, group: GroupName, window: RangeWindow, types: Sequence[str]) -> list[StoredEvent]:
        """Return all events of `types` in the range of `window` that are not done.

        Nothing is stored below the settle bound, so these are at most those that were there when it was opened.
        """
        found: list[StoredEvent] = []
        after, before = window.after, position.successor(window.last)
        while True:
            scanned = await self._scan(group, after, before, types, MAX_LIMIT)
            found += (event for event in scanned.events if not window.has_done(event.place.position))
            if not scanned.more:
                return found
            after = scanned.end

    async def at(self, group: GroupName, places: Sequence[str], types: Sequence[str]) -> list[StoredEvent | None]:
        """Return the event at each position, None if it has left the inbox or is not of `types`."""
        found: list[StoredEvent | None] = []
        for batch in batches(places, MAX_STATEMENTS):
            records = await self._reader.read_events([Place(group.tenant, group.inbox, place) for place in batch])
            now = self._clock.wall_ms() // 1000
            found += (
                record
                if isinstance(record, StoredEvent) and record.expires_at > now and matches_any(types, record.type)
                else None
                for record in records
            )
        return found

    async def finish(self, events: Sequence[StoredEvent]) -> Finished:
        """Return the contents of a prefix of `events` that fits into an answer; it has at least one event."""
        return await self._contents.finish(events)

    async def ready(self) -> None:
        """Return if the table responds and the clock is right; raise `Unavailable` or `ClockWrong`."""
        await self._reader.ready()
        await self.check_clock(Reading.of(self._clock))

    async def _scan(self, group: GroupName, after: str, before: str, types: Sequence[str], limit: int) -> ScanResult:
        place = Place(group.tenant, group.inbox, after)
        return await scan(self._reader, place, before=before, limit=limit, types=types)


def distinct(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    """Return the longest prefix of `events` in which each has a digest of its own.

    Of 1,000 events, two have the same one in 3 % of windows: the window then ends before the second of them.
    """
    return list(_distinct(events))


def _distinct(events: Sequence[StoredEvent]) -> Iterator[StoredEvent]:
    seen: set[bytes] = set()
    for event in events:
        digest = digest_of(event.place.position)
        if digest in seen:
            return
        seen.add(digest)
        yield event
