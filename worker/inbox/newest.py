"""Reads an inbox backward over all its shards at once: its newest events, for those who keep no cursor.

The mirror image of `worker.inbox.scan`: every shard is known completely down to its frontier, and what lies at or above
the largest frontier can be handed out.
"""

from collections.abc import Sequence
from itertools import chain

from shared.model.records import Place, StoredEvent
from shared.ports import ShardReader
from worker.inbox.scan import MAX_QUERY_ITEMS, MAX_ROUNDS, MAX_SCANNED_BYTES, ScanResult, gather_all, position_of, share


async def newest(
    reader: ShardReader, inbox: Place, *, shards: int, before: str, limit: int, types: Sequence[str] = ()
) -> ScanResult:
    """Return up to `limit` events of `inbox` before `before`, none at or before its own position, newest first.

    Fewer, though there are more, if a filter or tombstones hide what `MAX_ROUNDS` queries a shard came upon. It is
    not for following: `end` is where it began, and `more` is never set. Raises what the reader raises.
    """
    if inbox.position >= before:
        return ScanResult(events=[], end=inbox.position, more=False)
    scans = [_Shard(reader, inbox, shard=shard, before=before, types=types) for shard in range(shards)]
    for attempt in range(MAX_ROUNDS):
        found = _merge(scans)
        goal = position_of(found[limit - 1]) if len(found) >= limit else inbox.position
        behind = [shard for shard in scans if shard.frontier > goal]
        if not behind or sum(shard.bytes for shard in scans) >= MAX_SCANNED_BYTES:
            break
        size = min(share(limit, shards) << attempt, MAX_QUERY_ITEMS)
        await gather_all(shard.advance(size) for shard in behind)
    safe = max(shard.frontier for shard in scans)
    events = [event for event in _merge(scans) if position_of(event) >= safe][:limit]
    return ScanResult(events=events, end=inbox.position, more=False)


class _Shard:
    """One shard of an inbox and how far back it has been read."""

    def __init__(self, reader: ShardReader, start: Place, *, shard: int, before: str, types: Sequence[str]) -> None:
        self._reader = reader
        self._start = start
        self._shard = shard
        self._types = types
        self.frontier = before  # known completely down to here; the start's position once there is nothing left
        self.events: list[StoredEvent] = []
        self.bytes = 0

    async def advance(self, limit: int) -> None:
        """Evaluate up to `limit` further items."""
        answer = await self._reader.query(
            self._start,
            shard=self._shard,
            before=self.frontier,
            limit=limit,
            types=self._types,
            newest_first=True,
        )
        self.events += answer.events
        self.bytes += sum(len(event.body) for event in answer.events)
        self.frontier = answer.stopped_at or self._start.position


def _merge(scans: Sequence[_Shard]) -> list[StoredEvent]:
    return sorted(chain.from_iterable(shard.events for shard in scans), key=position_of, reverse=True)
