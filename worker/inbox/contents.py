"""Puts events together for their readers: the body from the item or the bucket, and what the store knows behind it.

No payload is ever parsed. An event whose body can't be had is still handed out, so that its reader learns of it:
with its id, source and type, without `data`, and with the extension `dataerror`, `missing` (its object is not in
the bucket) or `broken`.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from itertools import islice

import msgspec

from shared.clock import rfc3339
from shared.compression import BrokenFrame, expand
from shared.concurrency import gather_all
from shared.model.errors import NotFound
from shared.model.records import StoredEvent
from shared.ports import BodyStore, EventReader

_FETCHES = 8
"""Bodies that one answer fetches from the bucket at once."""

_log = logging.getLogger("triggers.inbox")


class Contents:
    """The contents of events that a reader was given."""

    def __init__(self, reader: EventReader, body_store: BodyStore) -> None:
        self._reader = reader
        self._bodies = body_store

    async def of(self, events: Sequence[StoredEvent]) -> AsyncIterator[tuple[StoredEvent, bytes]]:
        """Yield each event as a finished JSON object; empty if it left its place since it was read.

        Raises `Unavailable` or `Unclear` if the bucket or the table does not answer.
        """
        waiting = iter(events)
        while some := list(islice(waiting, _FETCHES)):
            parked = [event for event in some if event.body_key]
            fetched = iter(await gather_all(map(self._parked, parked))) if parked else iter(())
            for event in some:
                yield event, next(fetched) if event.body_key else _with_place(event, _plain(event, event.body))

    async def _parked(self, event: StoredEvent) -> bytes:
        try:
            body = await self._bodies.get(event.body_key or "")
        except NotFound:
            # A body is put before its event is inserted, so it was there. An erase removes the event, then the body.
            [record] = await self._reader.read_events([event.place])
            if not isinstance(record, StoredEvent):
                return b""
            return _with_place(event, _without_data(event, "missing"))
        return _with_place(event, _plain(event, body))


def _plain(event: StoredEvent, stored: bytes) -> bytes:
    """Return the CloudEvent that `stored` holds, or one that says that it is broken."""
    try:
        return expand(stored)
    except BrokenFrame:
        return _without_data(event, "broken")


def _without_data(event: StoredEvent, error: str) -> bytes:
    """Return what is known of an event without its body. One such event must not lock its inbox."""
    _log.error("an event's body is %s", error, extra={"place": event.place})
    named = event.body if event.body_key else b""
    if not named:
        # All that is sure to be there. CloudEvents wants an id and a source: none here can be another event's.
        place = event.place
        unnamed = {"specversion": "1.0", "id": place.position, "source": f"/{place.inbox}", "type": event.type}
        named = msgspec.json.encode(unnamed)
    return named[:-1] + b',"dataerror":"%b"}' % error.encode()


def _with_place(event: StoredEvent, body: bytes) -> bytes:
    """Splice what the store knows into a CloudEvent.

    At its end, since most parsers let the last of two equal names win: an event can't pretend to another position.
    """
    place = event.place
    ours = f',"inbox":"{place.inbox}","receivedat":"{rfc3339(event.accepted_at)}","position":"{place.position}"'
    if event.delivered_at is not None:
        ours += f',"deliveredat":"{rfc3339(event.delivered_at)}"'
    return body[:-1] + f"{ours}}}".encode()
