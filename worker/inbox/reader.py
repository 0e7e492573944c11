"""Reads an inbox page by page. Independent of AWS and HTTP; payloads are never parsed.

A read stops at `settle_ms` before now, so that a commit still in flight can't appear behind a cursor that was returned
(`docs/protocol.md`).
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from shared.clock import Clock
from shared.concurrency import SingleFlight
from shared.model import position
from shared.model.records import Place
from shared.ports import BodyStore, EventReader
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.inbox.contents import Contents
from worker.inbox.counts import Counts
from worker.inbox.long_poll import LongPolls
from worker.inbox.metrics import FirstReads
from worker.inbox.scan import ScanResult, scan

MAX_LIMIT = 1000
"""Events on one page."""

MAX_PAGE_BYTES = 4 * 1024 * 1024
"""The limit of a page, unless a single event exceeds it. A Lambda response may have 6 MB."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Events as finished JSON objects, in the requested order.

    `end` is the position up to which everything has been returned; the next read starts there. `more` means that an
    immediate next read is worthwhile. The read covered positions below `before` only.
    """

    events: Sequence[bytes]
    end: str
    more: bool
    before: str


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
    ) -> None:
        metrics = metrics or Metrics()
        self._reader = reader
        self._contents = Contents(reader, body_store)
        self._clock = clock
        self._settle_ms = settings.settle_ms
        self._max_wait_seconds = settings.max_wait_seconds
        self._shards = settings.inbox_shards
        self._reads: SingleFlight[PageRequest, Page] = SingleFlight()
        self._long_polls = LongPolls(reader, clock, shards=self._shards, settle_ms=self._settle_ms)
        self._page_events = metrics.page_events.of()
        self._made, self._joined = metrics.reads.of("made"), metrics.reads.of("shared")
        self._first_reads = FirstReads(metrics, clock)
        metrics.waiters.of().read = lambda: self._long_polls.waiting
        metrics.watched.of().read = lambda: self._long_polls.watched
        self._counts = Counts(reader, clock, shards=self._shards, settle_ms=self._settle_ms)

    async def page(self, tenant: str, inbox: str, after: str | None, limit: int, types: Sequence[str] = ()) -> Page:
        """Return up to `limit` (1..`MAX_LIMIT`) undelivered events after the position `after`; see `read`."""
        return await self.read(PageRequest(tenant, inbox, after or position.FIRST, limit, tuple(types)))

    async def read(self, request: PageRequest, wait_seconds: float = 0) -> Page:
        """Return a page; if it is empty, wait up to `wait_seconds` for an event that belongs on it.

        May return fewer events than requested, or none, with `more` set: the bytes of a page are limited, and so is the
        search for events of `types`. Raises `Unavailable` or `Unclear` if the table or the bucket does not answer.
        """
        # A client that joins a read in progress gets a bound some milliseconds older than its own, as if it had sent
        # its request earlier. Its cursor is below that bound too, so it can neither miss nor repeat an event; it only
        # gets the newest ones on its next read.
        page = await self._shared(request)
        if not wait_seconds:
            return page
        watched = request.place._replace(position="")
        try:
            async with asyncio.timeout(min(wait_seconds, self._max_wait_seconds)):
                while not page.events and not page.more:
                    found = await self._long_polls.wait(watched, page.before, request.types)
                    if found is None:
                        break
                    page = await self._shared(request._replace(after=page.end, found=found))
        except TimeoutError:
            pass  # no event arrived
        return page

    async def undelivered(self, tenant: str, inbox: str, types: tuple[str, ...] = ()) -> int | str:
        """Return how many undelivered events of `types` an inbox has, `N+` for at least N; see `Counts`."""
        return await self._counts.undelivered(tenant, inbox, types)

    async def ready(self) -> None:
        """Check the table; raise `Unavailable` if it does not answer."""
        await self._reader.ready()

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
        before = position.floor_of(self._clock.wall_ms() - self._settle_ms)
        scanned = await scan(
            self._reader,
            request.place,
            shards=self._shards,
            before=before,
            limit=request.limit,
            types=request.types,
            newest_first=request.newest_first,
        )
        page = await self._fill(scanned, before)
        self._page_events.observe(len(page.events))
        if not (request.delivered or request.newest_first):
            self._first_reads.count((request.tenant, request.inbox, request.types), scanned.events, page.end, before)
        return page

    async def _fill(self, scanned: ScanResult, before: str) -> Page:
        """Fill a page with the contents of events, up to `MAX_PAGE_BYTES`."""
        page: list[bytes] = []
        size, end = 0, scanned.end
        async for event, finished in self._contents.of(scanned.events):
            if page and size + len(finished) > MAX_PAGE_BYTES:
                return Page(events=page, end=end, more=True, before=before)
            size, end = size + len(finished), event.place.position
            if finished:
                page.append(finished)
        return Page(events=page, end=scanned.end, more=scanned.more, before=before)
