"""Creates, configures, shows, rewinds and deletes groups, and lists and releases what is in quarantine."""

from collections.abc import Mapping, Sequence

import msgspec

from shared.clock import Clock
from shared.containers import batches
from shared.group_ports import MAX_ROWS, GroupStore
from shared.model import position as positions
from shared.model.errors import InvalidRequest, NoSuchGroup
from shared.model.groups import GroupConfig, GroupName, Ledger, Quarantined, RangeWindow, Retry, RetryWindow
from shared.ports import EventReader
from shared.settings import Settings
from worker.groups.events import GroupEvents
from worker.groups.ledgers import Ledgers
from worker.groups.retries import Retries
from worker.reading.counts import Counts

MAX_GROUPS = 100
"""Groups of an inbox. Listing them reads all their ledgers."""

MAX_ROWS_COUNTED = 1000
"""A larger number of retries or events in quarantine is shown as `1000+`."""


class GroupState(msgspec.Struct, frozen=True, kw_only=True):
    """A group at one time.

    `lag` is the number of events that no member was given yet, `leased` that in the `leases` open leases, and
    `retries` that of events to be leased again. `oldest_ms` is when the oldest event that is not done was stored (epoch
    milliseconds), None if there is none.
    """

    group: GroupName
    config: GroupConfig
    frontier: str
    lag: int | str
    oldest_ms: int | None
    leases: int
    leased: int
    retries: int | str
    quarantined: int | str


class QuarantinePage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a quarantine. `contents` are finished JSON objects by position, of events that the inbox still has."""

    events: Sequence[Quarantined]
    contents: Mapping[str, bytes]
    more: bool


class Admin:
    """What operators and members do with groups as a whole."""

    def __init__(
        self,
        store: GroupStore,
        *,
        ledgers: Ledgers,
        events: GroupEvents,
        retries: Retries,
        reader: EventReader,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._store = store
        self._ledgers = ledgers
        self._events = events
        self._retries = retries
        self._clock = clock
        self._counts = Counts(reader, clock, settle_ms=settings.settle_ms)

    async def find(self, group: GroupName) -> Ledger:
        """Return the ledger of `group`; raise `NoSuchGroup`."""
        return await self._ledgers.read(group)

    async def create(self, group: GroupName, config: GroupConfig, start: str = positions.FIRST) -> Ledger:
        """Return the ledger of `group`, which begins after the position `start` if this call creates it.

        Raises `InvalidRequest` if the inbox has `MAX_GROUPS` groups already.
        """
        while (ledger := await self._store.read(group)) is None:
            if len(await self._store.groups_of(group.tenant, group.inbox)) >= MAX_GROUPS:
                raise InvalidRequest(f"An inbox may have up to {MAX_GROUPS} groups.")
            now_ms = self._clock.wall_ms()
            frontier = min(start, self._events.bound())
            new = Ledger(born=now_ms, epoch=now_ms, serial=0, frontier=frontier, config=config, windows={})
            await self._store.create(group, new)
        return ledger

    async def configure(self, group: GroupName, config: GroupConfig) -> Ledger:
        """Replace the configuration of a group. Raises `NoSuchGroup`."""
        ledger = await self._ledgers.read(group)
        if not await self._store.configure(group, ledger.born, config):
            raise NoSuchGroup(group.group, group.inbox)
        return await self._ledgers.read(group)

    async def delete(self, group: GroupName) -> None:
        """Delete a group with its leases, retries and quarantine. Raises `NoSuchGroup`."""
        ledger = await self._ledgers.read(group)
        await self._store.delete(group, ledger.born)

    async def seek(self, group: GroupName, frontier: str) -> Ledger:
        """Begin after the position `frontier`, or at the settle bound if that is earlier: leases and retries end.

        The quarantine remains. Raises `NoSuchGroup`.
        """
        while True:
            ledger = await self._ledgers.read(group)
            target = min(frontier, self._events.bound())
            epoch = max(self._clock.wall_ms(), ledger.epoch + 1)
            if await self._store.seek(group, ledger, target, epoch):
                return await self._ledgers.read(group)

    async def groups_of(self, tenant: str, inbox: str) -> list[tuple[GroupName, Ledger]]:
        """Return the groups of an inbox, sorted by name."""
        return await self._store.groups_of(tenant, inbox)

    async def state(self, group: GroupName, ledger: Ledger) -> GroupState:
        """Return the state of a group; counts are cached and limited as in `Counts`."""
        held = [window for window in ledger.windows.values() if window.is_held]
        released = [window for window in ledger.windows.values() if not window.is_held]
        retries = await self._store.retries(group, ledger.epoch, limit=MAX_ROWS_COUNTED + 1)
        failed = await self._store.quarantined(group, ledger.born, limit=MAX_ROWS_COUNTED + 1)
        return GroupState(
            group=group,
            config=ledger.config,
            frontier=ledger.frontier,
            lag=await self._counts.undelivered(group.tenant, group.inbox, ledger.config.types, ledger.frontier),
            oldest_ms=await self._oldest_ms(group, ledger, retries),
            leases=len(held),
            leased=sum(window.left for window in held),
            retries=_number(len(retries) - _leased(ledger) + sum(window.left for window in released)),
            quarantined=_number(len(failed)),
        )

    async def quarantine(self, group: GroupName, ledger: Ledger, *, limit: int, after: str = "") -> QuarantinePage:
        """Return up to `limit` events in quarantine that follow a position, by position."""
        found = await self._store.quarantined(group, ledger.born, limit=limit + 1, after=after)
        failed, more = found[:limit], len(found) > limit
        stored = await self._events.at(group, [event.position for event in failed], ())
        finished = await self._events.finish([event for event in stored if event is not None])
        if finished.is_cut:
            failed, more = [event for event in failed if event.position <= finished.end], True
        contents = {event.place.position: content for event, content in finished.events}
        return QuarantinePage(events=failed, contents=contents, more=more)

    async def release_quarantined(self, group: GroupName, places: Sequence[str] | None) -> int:
        """Lease events in quarantine again, those at `places` or all, with all their attempts; return how many.

        The retries come first: a crash in between leaves an event in both, and it is leased once more.
        """
        ledger = await self._ledgers.read(group)
        wanted, released, after = None if places is None else set(places), 0, ""
        while page := await self._store.quarantined(group, ledger.born, limit=MAX_ROWS_COUNTED, after=after):
            after = page[-1].position
            # What is leased as well, after a seek or a crash, is released once its lease has ended.
            free = [event.position for event in page if not ledger.is_leased(event.position)]
            chosen = [place for place in free if wanted is None or place in wanted]
            now_ms = self._clock.wall_ms()
            await self._retries.put(
                group, ledger, [Retry(due=now_ms, position=place, attempt=0, alone=True) for place in chosen]
            )
            for batch in batches(chosen, MAX_ROWS):
                await self._store.delete_quarantined(group, ledger.born, batch)
            released += len(chosen)
        return released

    async def aclose(self) -> None:
        """Cancel counts in progress."""
        await self._counts.aclose()

    async def _oldest_ms(self, group: GroupName, ledger: Ledger, retries: Sequence[Retry]) -> int | None:
        found = [retry.position for retry in retries]
        ranges = [window for window in ledger.windows.values() if isinstance(window, RangeWindow)]
        for window in sorted(ranges, key=lambda one: one.start)[:1]:
            found += [event.place.position for event in await self._events.within(group, window, ledger.config.types)]
        if not found:
            scanned = await self._events.after(group, ledger.frontier, ledger.config.types, 1)
            found += [event.place.position for event in scanned.events]
        return positions.time_of(min(found)) if found else None


def _leased(ledger: Ledger) -> int:
    """Return how many retries are leased: their rows stay meanwhile."""
    return sum(window.left for window in ledger.windows.values() if isinstance(window, RetryWindow))


def _number(count: int) -> int | str:
    return count if count <= MAX_ROWS_COUNTED else f"{MAX_ROWS_COUNTED}+"
