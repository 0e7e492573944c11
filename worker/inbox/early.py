"""Early reads: events that are stored but have not settled, each returned once.

Below the settled bound nothing can appear any more, so a position says what has been read. Above it, an event may still
be stored at a smaller position than one that was returned. So the cursor stays below the bound, and contains what was
returned from above it: everything there is read again, and what the cursor contains is skipped.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from shared.clock import Clock
from shared.model.cursor import DIGEST_BYTES, MAX_RETURNED, Returned
from shared.model.position import floor_of, time_of
from shared.model.records import Place, StoredEvent
from shared.ports import ShardReader
from worker.reading.contents import MAX_PAGE_BYTES, Contents
from worker.reading.scan import scan

KEPT_MS = 5_000
"""How long an event is kept in the cursor after it has settled. If a worker moves it until then, it is recognized at
its new position."""

MAX_AHEAD_MS = 60_000
"""How far ahead of this clock a position may be to be read early. A later one waits until it has settled."""


class ReturnedEvents:
    """The events that a cursor contains, while a page is read with it. `limit` is at most `MAX_RETURNED`."""

    def __init__(self, returned: Sequence[Returned], limit: int = MAX_RETURNED) -> None:
        self._limit = limit
        self._times = {event.digest: event.time_ms for event in returned}

    def room_above(self, bound_ms: int) -> int:
        """Return how many more events at or after `bound_ms` can be added."""
        return self._limit - sum(time_ms >= bound_ms for time_ms in self._times.values())

    def meet(self, event: StoredEvent, finished: bytes) -> bool:
        """Return whether `event` was returned before. If so, remember its present position, since it may have moved."""
        if not self._times:
            return False  # as in every ordinary read, where a digest of each event would be 9 % of the time of a page
        digest = _digest(event, finished)
        if digest not in self._times:
            return False
        self._times[digest] = time_of(event.place.position)
        return True

    def add(self, event: StoredEvent, finished: bytes) -> None:
        """Remember an event that is returned."""
        self._times[_digest(event, finished)] = time_of(event.place.position)

    def kept(self, passed_ms: int) -> tuple[Returned, ...]:
        """Return the events for the next cursor, given that everything before `passed_ms` has been read.

        Those at or after it are all kept; of the others, the latest, as far as there is room.
        """
        latest_first = sorted(((time_ms, digest) for digest, time_ms in self._times.items()), reverse=True)
        kept = [Returned(*event) for event in latest_first if event[0] >= passed_ms - KEPT_MS]
        return tuple(kept[: self._limit])


class Unsettled(msgspec.Struct, frozen=True, kw_only=True):
    """Events from beyond the settled bound that were not returned before, in order: `added`, and their `contents`.

    `positions` are those of all events found there. `is_cut` says that the page had no room for another one.
    """

    added: Sequence[StoredEvent]
    contents: Sequence[bytes]
    positions: frozenset[str]
    is_cut: bool


class UnsettledReader:
    """Reads what is stored beyond the settled bound."""

    def __init__(self, reader: ShardReader, contents: Contents, clock: Clock) -> None:
        self._reader = reader
        self._contents = contents
        self._clock = clock

    async def read(
        self, bound: Place, returned: ReturnedEvents, *, limit: int, page_bytes: int, types: Sequence[str]
    ) -> Unsettled:
        """Return up to `limit` events of `types` after `bound`, and add them to `returned` as far as it has room.

        They are added to a page of `page_bytes` so far, up to `MAX_PAGE_BYTES`.
        """
        bound_ms = time_of(bound.position)
        scanned = await scan(
            self._reader,
            bound,
            before=floor_of(self._clock.wall_ms() + MAX_AHEAD_MS),
            limit=limit + MAX_RETURNED,  # all that were returned before may come first
            types=types,
        )
        found = [item async for item in self._contents.of(scanned.events) if item[1]]
        # First, since each that has moved here takes room.
        new = [(event, finished) for event, finished in found if not returned.meet(event, finished)]
        added: list[StoredEvent] = []
        contents: list[bytes] = []
        is_cut = False
        for event, finished in new[: returned.room_above(bound_ms)]:
            is_cut = len(added) == limit or 0 < page_bytes > MAX_PAGE_BYTES - len(finished)
            if is_cut:
                break
            page_bytes += len(finished)
            returned.add(event, finished)
            added.append(event)
            contents.append(finished)
        positions = frozenset(event.place.position for event, _ in found)
        return Unsettled(added=added, contents=contents, positions=positions, is_cut=is_cut)


class _Identity(msgspec.Struct):
    id: str
    source: str


_decoder = msgspec.json.Decoder(_Identity)


def _digest(event: StoredEvent, finished: bytes) -> bytes:
    """Return what identifies an event wherever it is. One id may be accepted again after the deduplication window."""
    try:
        identity = _decoder.decode(finished)
        name = f"{identity.source}\0{identity.id}\0{event.accepted_at}"
    except msgspec.MsgspecError:  # not a CloudEvent, which must not stop a reader
        name = event.place.position
    return hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES).digest()
