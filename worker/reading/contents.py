"""Assembles events for readers: the body, from the item or the bucket, followed by what the store adds.

Payloads are never parsed. An event whose body is unavailable is still returned, so that the reader learns of it: with
its id, source and type, without `data`, and with the extension `dataerror`: `missing` (the bucket has no such object)
or `broken`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from itertools import islice, starmap

import msgspec

from shared.clock import rfc3339
from shared.compression import BrokenFrame, expand
from shared.concurrency import gather_all
from shared.model.errors import NotFound
from shared.model.records import StoredEvent
from shared.ports import BodyStore, EventReader

MAX_PAGE_BYTES = 4 * 1024 * 1024
"""The limit of a page, unless a single event exceeds it. A Lambda response may have 6 MB."""

_FETCHES = 8
"""Bodies that one response fetches from the bucket concurrently."""

_BETWEEN = 100
"""Events of a page after which other requests proceed: 100 of 4 KB take 0.7 ms."""

_log = logging.getLogger("triggers.inbox")


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """Events with their finished JSON objects. `is_cut` says that more were given than one answer may hold.

    `end` is the position of the last event that was considered: one that has left the inbox is not among `events`.
    """

    events: Sequence[tuple[StoredEvent, bytes]]
    end: str
    is_cut: bool


class Contents:
    """Assembles the contents of events."""

    def __init__(self, reader: EventReader, body_store: BodyStore) -> None:
        self._reader = reader
        self._bodies = body_store

    async def of(self, events: Sequence[StoredEvent]) -> AsyncIterator[tuple[StoredEvent, bytes]]:
        """Yield each event with its finished JSON object, empty if the event has left its place since it was read.

        Raises `Unavailable` or `Unclear` if the bucket or the table does not answer.
        """
        remaining = iter(events)
        while batch := list(islice(remaining, _FETCHES)):
            offloaded = [(event, event.body_key) for event in batch if event.body_key]
            fetched = iter(await gather_all(starmap(self._fetch, offloaded))) if offloaded else iter(())
            for event in batch:
                yield event, next(fetched) if event.body_key else _with_place(event, _plain(event, event.body))

    async def finish(self, events: Sequence[StoredEvent]) -> Finished:
        """Return the contents of a prefix of `events` of at most `MAX_PAGE_BYTES`, or of one event; raises as `of`."""
        finished: list[tuple[StoredEvent, bytes]] = []
        size, end = 0, ""
        async for event, content in self.of(events):
            if finished and size + len(content) > MAX_PAGE_BYTES:
                return Finished(events=finished, end=end, is_cut=True)
            size, end = size + len(content), event.place.position
            if content:
                finished.append((event, content))
                if len(finished) % _BETWEEN == 0:
                    await asyncio.sleep(0)  # so that a large page does not delay all other requests
        return Finished(events=finished, end=end, is_cut=False)

    async def _fetch(self, event: StoredEvent, key: str) -> bytes:
        try:
            body = await self._bodies.get(key)
        except NotFound:
            # A body is put before its event is inserted, so it existed. An erase removes the event, then the body.
            [record] = await self._reader.read_events([event.place])
            if not isinstance(record, StoredEvent):
                return b""
            return _with_place(event, _without_data(event, "missing"))
        return _with_place(event, _plain(event, body))


def _plain(event: StoredEvent, stored: bytes) -> bytes:
    """Return the CloudEvent in `stored`, or one that is marked as broken."""
    try:
        return expand(stored)
    except BrokenFrame:
        return _without_data(event, "broken")


def _without_data(event: StoredEvent, error: str) -> bytes:
    """Return what is known of an event without its body. One such event must not block its inbox."""
    _log.error("the body of an event is %s", error, extra={"place": event.place})
    named = event.body if event.body_key else b""
    if not named:
        # Only these are certain to exist. CloudEvents requires an id and a source; these equal no other event's.
        place = event.place
        unnamed = {"specversion": "1.0", "id": place.position, "source": f"/{place.inbox}", "type": event.type}
        named = msgspec.json.encode(unnamed)
    return named[:-1] + b',"dataerror":"%b"}' % error.encode()


def _with_place(event: StoredEvent, body: bytes) -> bytes:
    """Append what the store adds to a CloudEvent.

    At the end, since in most parsers the last of two equal names wins: an event can't forge its position.
    """
    place = event.place
    ours = f',"inbox":"{place.inbox}","receivedat":"{rfc3339(event.accepted_at)}","position":"{place.position}"'
    if event.delivered_at is not None:
        ours += f',"deliveredat":"{rfc3339(event.delivered_at)}"'
    if event.moved:
        ours += ',"possibleduplicate":true'
    return body[:-1] + f"{ours}}}".encode()
