"""Looks up an event by its identity: `GET /v1/events/{id}`."""

import msgspec

from shared.clock import Clock, rfc3339
from shared.model.api_key import ApiKey
from shared.model.errors import NotFound, Unavailable
from shared.model.event import Identity
from shared.model.position import time_of
from shared.model.records import Place, StoredEvent, Tombstone
from shared.ports import BodyStore, EventReader
from worker.reading.contents import Contents

_MAX_READS = 8
"""Reads for one event. It is moved only after a fault, and acked once."""

NONE_SUCH = "The event does not exist, or this API key may not read it."


class EventStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The status of an event; times are in RFC 3339 format. The response adds the event itself, as in an inbox."""

    id: str
    status: str
    position: str
    receivedat: str
    storedat: str
    deliveredat: str | None = None
    expiresat: str


class Lookup:
    """Looks up events in one events table. Of several events with one identity, it returns the one accepted last."""

    def __init__(self, reader: EventReader, body_store: BodyStore, clock: Clock) -> None:
        self._reader = reader
        self._contents = Contents(reader, body_store)
        self._clock = clock

    async def answer(self, identity: Identity, key: ApiKey) -> bytes:
        """Return the event and its status as JSON.

        Raises `NotFound` if the event is not stored, has expired, was erased, or if `key` may not read its type;
        `Unavailable` or `Unclear` if the table or the bucket does not answer.
        """
        event = await self._find(identity)
        if event is None or not key.may(event.type):
            raise NotFound(NONE_SUCH)
        async for _, finished in self._contents.of([event]):
            if finished:
                return b'%b,"event":%b}' % (msgspec.json.encode(_status(identity.id, event))[:-1], finished)
        raise NotFound(NONE_SUCH)

    async def _find(self, identity: Identity) -> StoredEvent | None:
        guard = await self._reader.read_guard(identity)
        if guard is None or guard.erased_at is not None:
            return None
        place, was_gone = Place(identity.tenant, identity.inbox, guard.position), False
        for _ in range(_MAX_READS):
            listed, delivered = await self._reader.read_events([place, place._replace(delivered=True)])
            for found in (delivered, listed):
                if isinstance(found, StoredEvent):
                    return found if found.expires_at * 1000 > self._clock.wall_ms() else None
            if isinstance(listed, Tombstone):
                if listed.moved_to is None:
                    return None
                place, was_gone = place._replace(position=listed.moved_to), False
            elif was_gone:
                return None
            else:
                # The two items are not read atomically. An ack inserts one and then deletes the other, so the second
                # read finds an event that was acked in between.
                was_gone = True
        raise Unavailable("the event was moved repeatedly while it was read")


def _status(id_: str, event: StoredEvent) -> EventStatus:
    return EventStatus(
        id=id_,
        status="stored" if event.delivered_at is None else "delivered",
        position=event.place.position,
        receivedat=rfc3339(event.accepted_at),
        storedat=rfc3339(time_of(event.place.position)),
        deliveredat=None if event.delivered_at is None else rfc3339(event.delivered_at),
        expiresat=rfc3339(event.expires_at * 1000),
    )
