"""Reads an inbox page by page. It knows neither AWS nor HTTP, and no payload is ever parsed.

A read stops at `settle_ms` before now, so that a commit still under way can't land behind a cursor that was
handed out (DESIGN.md, section 4).
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
"""A page ends before the event that would take it over this, but holds at least one. Lambda answers up to 6 MB."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Events as finished JSON objects, in the order asked for.

    `end` is the position up to which everything has been handed out; go on from there. `more` tells that asking
    again at once is worthwhile. The read went up to `before`: what lies there or behind, it has not seen.
    """

    events: Sequence[bytes]
    end: str
    more: bool
    before: str


class PageRequest(NamedTuple):
    """What a reader asks. Those who ask the same at the same time share the answer.

    The events of `types` (see `shared.model.type_pattern`; empty is all) behind the position `after`; `limit` is
    1..`MAX_LIMIT`. Oldest first unless `newest_first`, which is for looking, not for following.
    """

    tenant: str
    inbox: str
    after: str = position.FIRST
    limit: int = MAX_LIMIT
    types: tuple[str, ...] = ()
    delivered: bool = False
    newest_first: bool = False
    found: str = ""  # why it is asked again: those who are told of one event share the read that shows it

    @property
    def place(self) -> Place:
        """Where the reading begins."""
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
        self._shards = settings.inbox_shards
        self._reads: SingleFlight[PageRequest, Page] = SingleFlight()
        self._watches = LongPolls(reader, clock, shards=self._shards, settle_ms=self._settle_ms)
        self._page_events = metrics.page_events.of()
        self._made, self._joined = metrics.reads.of("made"), metrics.reads.of("shared")
        self._first_reads = FirstReads(metrics, clock)
        metrics.waiters.of().read = lambda: self._watches.waiting
        metrics.watched.of().read = lambda: self._watches.watched
        self._counts = Counts(reader, clock, shards=self._shards, settle_ms=self._settle_ms)

    async def page(self, tenant: str, inbox: str, after: str | None, limit: int, types: Sequence[str] = ()) -> Page:
        """Return up to `limit` (1..`MAX_LIMIT`) undelivered events behind the position `after`; see `read`."""
        return await self.read(PageRequest(tenant, inbox, after or position.FIRST, limit, tuple(types)))

    async def read(self, question: PageRequest, wait_seconds: float = 0) -> Page:
        """Return a page; if there is nothing on it, wait up to `wait_seconds` for an event that belongs there.

        May return fewer events than asked for, or none, with `more` set: a page is bounded in bytes, and so is the
        search for events of `types`. Raises `Unavailable` or `Unclear` if the table or the bucket does not answer.
        """
        # A poller that joins a read under way sees a bound of some milliseconds before its own. That is as if it had
        # asked earlier: its cursor lies below that bound too, so it can neither miss nor repeat an event, it only
        # learns of the newest ones on its next read.
        page = await self._shared(question)
        if not wait_seconds:
            return page
        watched = question.place._replace(position="")
        try:
            async with asyncio.timeout(wait_seconds):
                while not page.events and not page.more:
                    found = await self._watches.found(watched, page.before, question.types)
                    if found is None:
                        break
                    page = await self._shared(question._replace(after=page.end, found=found))
        except TimeoutError:
            pass  # nothing came
        return page

    async def undelivered(self, tenant: str, inbox: str, types: tuple[str, ...] = ()) -> int | str:
        """Return how many events of `types` wait in an inbox, `N+` for at least N; see `Counts`."""
        return await self._counts.undelivered(tenant, inbox, types)

    async def ready(self) -> None:
        """Return if the table answers; raise `Unavailable` if it does not."""
        await self._reader.ready()

    def stop_waiting(self) -> None:
        """Answer all who wait, and let nobody wait from now on."""
        self._watches.stop()

    async def aclose(self) -> None:
        """Give up what is still being read."""
        await self._watches.aclose()
        await self._counts.aclose()
        await self._reads.aclose()

    async def _shared(self, question: PageRequest) -> Page:
        (self._joined if self._reads.is_running(question) else self._made).add()
        return await self._reads.run(question, lambda: self._read(question))

    async def _read(self, question: PageRequest) -> Page:
        # Taken once, before the first query: one bound for all shards and all rounds.
        before = position.floor_of(self._clock.wall_ms() - self._settle_ms)
        stretch = await scan(
            self._reader,
            question.place,
            shards=self._shards,
            before=before,
            limit=question.limit,
            types=question.types,
            newest_first=question.newest_first,
        )
        page = await self._fill(stretch, before)
        self._page_events.observe(len(page.events))
        if not (question.delivered or question.newest_first):
            self._first_reads.count((question.tenant, question.inbox, question.types), stretch.events, page.end, before)
        return page

    async def _fill(self, stretch: ScanResult, before: str) -> Page:
        """Put the contents in, up to `MAX_PAGE_BYTES`."""
        page: list[bytes] = []
        size, end = 0, stretch.end
        async for event, finished in self._contents.of(stretch.events):
            if page and size + len(finished) > MAX_PAGE_BYTES:
                return Page(events=page, end=end, more=True, before=before)
            size, end = size + len(finished), event.place.position
            if finished:
                page.append(finished)
        return Page(events=page, end=stretch.end, more=stretch.more, before=before)
