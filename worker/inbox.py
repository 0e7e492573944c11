"""Reads an inbox page by page. It knows neither AWS nor HTTP, and no payload is ever parsed.

A read stops at `settle_ms` before now, so that a commit still under way can't land behind a cursor that was
handed out (DESIGN.md, section 4).
"""

import logging
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from shared import bodies, position
from shared.clock import Clock, rfc3339
from shared.errors import NotFound, Poison
from shared.ports import BodyStore, EventReader
from shared.records import Place, StoredEvent
from shared.settings import Settings
from shared.single_flight import SingleFlight
from worker.scan import Stretch, all_of, scan

MAX_LIMIT = 1000
"""Events on one page."""

MAX_PAGE_BYTES = 4 * 1024 * 1024
"""A page ends before the event that would take it over this, but holds at least one. Lambda answers up to 6 MB."""

_FETCHES = 8
"""Bodies that one page fetches from the bucket at once."""

_log = logging.getLogger("triggers.inbox")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Events as finished JSON objects, oldest first.

    `end` is the position up to which everything has been handed out; go on from there. `more` tells that asking
    again at once is worthwhile.
    """

    events: Sequence[bytes]
    end: str
    more: bool


class _Question(NamedTuple):
    """What a poller asks. Pollers that ask the same at the same time share the answer."""

    tenant: str
    inbox: str
    after: str
    limit: int
    types: tuple[str, ...]


class Inbox:
    """The inboxes of one events table."""

    def __init__(self, reader: EventReader, body_store: BodyStore, clock: Clock, settings: Settings) -> None:
        self._reader = reader
        self._bodies = body_store
        self._clock = clock
        self._settle_ms = settings.settle_ms
        self._shards = settings.inbox_shards
        self._reads: SingleFlight[_Question, Page] = SingleFlight()

    async def page(self, tenant: str, inbox: str, after: str | None, limit: int, types: Sequence[str] = ()) -> Page:
        """Return up to `limit` (1..`MAX_LIMIT`) events behind the position `after`, None for the beginning.

        May return fewer, or none, with `more` set: a page is bounded in bytes, and so is the search for events of
        `types`. Raises `Unavailable` or `Unclear` if the table or the bucket does not answer.
        """
        question = _Question(tenant, inbox, after or position.FIRST, limit, tuple(types))
        # A poller that joins a read under way sees a bound of some milliseconds before its own. That is as if it had
        # asked earlier: its cursor lies below that bound too, so it can neither miss nor repeat an event, it only
        # learns of the newest ones on its next read.
        return await self._reads.run(question, lambda: self._read(question))

    async def ready(self) -> None:
        """Return if the table answers; raise `Unavailable` if it does not."""
        await self._reader.ready()

    async def aclose(self) -> None:
        """Give up what is still being read."""
        await self._reads.aclose()

    async def _read(self, question: _Question) -> Page:
        # Taken once, before the first query: one bound for all shards and all rounds.
        before = position.floor_of(self._clock.wall_ms() - self._settle_ms)
        start = Place(question.tenant, question.inbox, question.after)
        stretch = await scan(
            self._reader, start, shards=self._shards, before=before, limit=question.limit, types=question.types
        )
        return await self._fill(stretch)

    async def _fill(self, stretch: Stretch) -> Page:
        """Put the bodies in, up to `MAX_PAGE_BYTES`."""
        page: list[bytes] = []
        size, end = 0, stretch.end
        async for event, body in self._with_bodies(stretch.events):
            finished = _finished(event, body) if body else b""
            if page and size + len(finished) > MAX_PAGE_BYTES:
                return Page(events=page, end=end, more=True)
            size, end = size + len(finished), event.place.position
            if finished:
                page.append(finished)
        return Page(events=page, end=stretch.end, more=stretch.more)

    async def _with_bodies(self, events: Sequence[StoredEvent]) -> AsyncIterator[tuple[StoredEvent, bytes]]:
        """Yield each event with its plain body, empty if it can't be had; read from the bucket a few at a time."""
        waiting = iter(events)
        while some := list(islice(waiting, _FETCHES)):
            keys = [event.body_key for event in some if event.body_key]
            fetched = dict(zip(keys, await all_of(map(self._fetch, keys)), strict=True)) if keys else {}
            for event in some:
                yield event, _plain(event, fetched[event.body_key] if event.body_key else event.body)

    async def _fetch(self, key: str) -> bytes:
        try:
            return await self._bodies.get(key)
        except NotFound:
            # A body is put before its event is inserted, so it was there: erased, or expired since the query.
            return b""


def _plain(event: StoredEvent, stored: bytes) -> bytes:
    """Return the CloudEvent that `stored` holds, empty if there is none: one such event must not lock its inbox."""
    try:
        body = bodies.expand(stored)
    except Poison:
        body = b""
    if not body:
        _log.error("event left out: its body is gone or broken", extra={"place": event.place})
    return body


def _finished(event: StoredEvent, body: bytes) -> bytes:
    """Splice what the store knows into a CloudEvent.

    At its end, since most parsers let the last of two equal names win: an event can't pretend to another position.
    """
    place = event.place
    ours = f',"inbox":"{place.inbox}","receivedat":"{rfc3339(event.accepted_at)}","position":"{place.position}"}}'
    return body[:-1] + ours.encode()
