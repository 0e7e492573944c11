"""Reads an inbox page by page. Independent of AWS and HTTP; payloads are never parsed.

A read stops at `settle_ms` before now, so that a commit still in flight can't appear behind a cursor that was returned
(`docs/protocol.md`).
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from shared.clock import Clock
from shared.concurrency import SingleFlight
from shared.model import position
from shared.model.cursor import MAX_RETURNED, Returned
from shared.model.records import Place
from shared.ports import BodyStore, EventReader
from shared.service_time import Reading, ServiceTime
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.inbox.early import ReturnedEvents, UnsettledReader
from worker.inbox.metrics import FirstReads
from worker.reading.contents import Contents
from worker.reading.counts import Counts
from worker.reading.limits import MAX_LIMIT
from worker.reading.long_poll import LongPolls
from worker.reading.scan import ScanResult, scan
from worker.reading.waiter import EarlyWait


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Events as finished JSON objects, in the requested order.

    `end` is the position up to which everything has been returned; the next read starts there. `last` is that of the
    last event up to there that has been returned. `more` means that an immediate next read is worthwhile. The read
    covered all positions below `before`.

    `returned` are events from beyond `end` that the next read skips. An early read also covered what is stored at the
    positions `unsettled`, beyond `before`; None if it did not read there.
    """

    events: Sequence[bytes]
    end: str
    more: bool
    before: str
    last: str = position.FIRST
    returned: tuple[Returned, ...] = ()
    unsettled: frozenset[str] | None = None

    @property
    def early_wait(self) -> EarlyWait | None:
        """How an early request waits for the next event; None for others."""
        if self.unsettled is None:
            return None
        return EarlyWait(self.unsettled, latest=max(self.unsettled, default=self.end))

    def without_foreign_positions(self, after: str) -> "Page":
        """Return the same page, read from `after`, without the position of an event that it does not return.

        The next read starts a little earlier then, and skips that event once more.
        """
        if self.end == self.last:
            return self
        return replace(self, end=max(after, self.last, position.blurred(self.end)))


class PageRequest(NamedTuple):
    """A request for one page. Equal requests at the same time share one read.

    It selects the events of `types` (see `shared.model.type_pattern`; empty means all) after the position `after`;
    `limit` is 1..`MAX_LIMIT`. Oldest first unless `newest_first`, which is for inspection, not for following an inbox.
    """

    tenant: str
    inbox: str
    after: str = position.FIRST
    limit: int = MAX_LIMIT
    types: tuple[str, ...] = ()
    delivered: bool = False
    newest_first: bool = False
    early: bool = False  # include events that have not settled
    returned: tuple[Returned, ...] = ()  # events beyond `after` that were returned before
    found: str = ""  # the event that ended a wait: requests that waited for the same event share one read

    @property
    def place(self) -> Place:
        """The place at which the read begins."""
        return Place(self.tenant, self.inbox, self.after, self.delivered)


class Inbox:
    """The inboxes of one events table."""

    def __init__(
        self,
        reader: EventReader,
        body_store: BodyStore,
        clock: Clock,
        settings: Settings,
        metrics: Metrics | None = None,
        *,
        service_time: ServiceTime | None = None,
    ) -> None:
        metrics = metrics or Metrics()
        self._service_time = service_time or ServiceTime()
        self._reader = reader
        self._contents = Contents(reader, body_store)
        self._clock = clock
        self._settle_ms = settings.settle_ms
        self._max_wait_seconds = settings.max_wait_seconds
        self._reads: SingleFlight[PageRequest, Page] = SingleFlight()
        self._long_polls = LongPolls(reader, clock, settle_ms=self._settle_ms)
        self._page_events = metrics.page_events.of()
        self._made, self._joined = metrics.reads.of("made"), metrics.reads.of("shared")
        self._first_reads = FirstReads(metrics, clock)
        metrics.waiters.of().read = lambda: self._long_polls.waiting
        metrics.watched.of().read = lambda: self._long_polls.watched
        self._max_returned = MAX_RETURNED
        self._unsettled = UnsettledReader(reader, self._contents, clock)
        self._counts = Counts(reader, clock, settle_ms=self._settle_ms)

    async def page(self, tenant: str, inbox: str, after: str | None, limit: int, types: Sequence[str] = ()) -> Page:
        """Return up to `limit` (1..`MAX_LIMIT`) undelivered events after the position `after`; see `read`."""
        return await self.read(PageRequest(tenant, inbox, after or position.FIRST, limit, tuple(types)))

    async def read(self, request: PageRequest, wait_seconds: float = 0, key_id: str = "") -> Page:
        """Return a page; if it is empty, wait up to `wait_seconds` for an event that belongs on it.

        May return fewer events than requested, or none, with `more` set: the bytes of a page are limited, and so is the
        search for events of `types`. `key_id` names who waits, since keys share the polls fairly. Raises `Unavailable`
        or `Unclear` if the table or the bucket does not answer, and `ClockWrong`.
        """
        # A client that joins a read in progress gets a bound some milliseconds older than its own, as if it had sent
        # its request earlier. Its cursor is below that bound too, so it can neither miss nor repeat an event; it only
        # gets the newest ones on its next read.
        page = await self._shared(request)
        if not wait_seconds:
            return page
        watched = request.place._replace(position="")
        early = page.early_wait
        try:
            async with asyncio.timeout(min(wait_seconds, self._max_wait_seconds)):
                while not page.events and not page.more:
                    found = await self._long_polls.wait(watched, page.before, request.types, key_id, early)
                    if found is None:
                        break
                    early = None  # if it was an event that has moved, wait for the next one to settle
                    page = await self._shared(request._replace(after=page.end, returned=page.returned, found=found))
        except TimeoutError:
            pass  # no event arrived
        return page

    async def undelivered(self, tenant: str, inbox: str, types: tuple[str, ...] = ()) -> int | str:
        """Return how many undelivered events of `types` an inbox has, `N+` for at least N; see `Counts`."""
        return await self._counts.undelivered(tenant, inbox, types)

    async def ready(self) -> None:
        """Check table and clock; raise `Unavailable` if the table does not answer, and `ClockWrong`."""
        await self._reader.ready()
        await self._service_time.check(Reading.of(self._clock), self._reader.ready)

    def stop_waiting(self) -> None:
        """Answer all waiting requests, and let no later request wait."""
        self._long_polls.stop()

    async def aclose(self) -> None:
        """Cancel all reads, counts and waits."""
        await self._long_polls.aclose()
        await self._counts.aclose()
        await self._reads.aclose()

    async def _shared(self, request: PageRequest) -> Page:
        (self._joined if self._reads.is_running(request) else self._made).add()
        return await self._reads.run(request, lambda: self._read(request))

    async def _read(self, request: PageRequest) -> Page:
        # Computed once, before the first query: one bound for all shards and all rounds.
        now = Reading.of(self._clock)
        before = position.floor_of(now.wall_ms - self._settle_ms)
        scanned = await scan(
            self._reader,
            request.place,
            before=before,
            limit=request.limit,
            types=request.types,
            newest_first=request.newest_first,
        )
        # After the queries, whose answers have dates: with a clock ahead, an event may appear behind the cursor.
        await self._service_time.check(now, self._reader.ready)
        returned = ReturnedEvents(request.returned, self._max_returned)
        page = await self._fill(scanned, before, returned)
        if not (request.delivered or request.newest_first):
            self._first_reads.count((request.tenant, request.inbox, request.types), scanned.events, page.end, before)
        if request.early or request.returned:
            # The cursor may come from a reader whose clock is ahead of ours.
            complete_to = page.end if page.more else max(page.end, before)
            if request.early and not page.more:
                page = await self._with_unsettled(request, page, complete_to, returned)
            page = replace(page, returned=returned.kept(position.time_of(complete_to)))
        self._page_events.observe(len(page.events))
        return page

    async def _fill(self, scanned: ScanResult, before: str, returned: ReturnedEvents) -> Page:
        """Fill a page with the contents of events that are not in `returned`."""
        found = await self._contents.finish(scanned.events)
        return Page(
            events=[content for event, content in found.events if not returned.meet(event, content)],
            end=found.end if found.is_cut else scanned.end,
            more=found.is_cut or scanned.more,
            before=before,
            last=found.events[-1][0].place.position if found.events else position.FIRST,
        )

    async def _with_unsettled(
        self, request: PageRequest, page: Page, complete_to: str, returned: ReturnedEvents
    ) -> Page:
        """Add events from beyond `complete_to`, as far as page and cursor have room for them."""
        remaining = request.limit - len(page.events)
        if not remaining or not returned.room_above(position.time_of(complete_to)):
            return page
        unsettled = await self._unsettled.read(
            request.place._replace(position=complete_to),
            returned,
            limit=remaining,
            page_bytes=sum(map(len, page.events)),
            types=request.types,
        )
        self._first_reads.count_unsettled((request.tenant, request.inbox, request.types), unsettled.added)
        events = [*page.events, *unsettled.contents]
        return replace(page, events=events, more=unsettled.is_cut, unsettled=unsettled.positions)
