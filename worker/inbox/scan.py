"""Reads an inbox forward over all its shards at once, in the order of positions.

Every shard has a frontier: it is known completely up to there. What lies at or below the smallest frontier can be
handed out; what lies above might still be preceded by an event that no query has returned yet.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from itertools import chain
from math import ceil, isqrt
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from shared.model.records import Place, StoredEvent
from shared.ports import ShardReader

MAX_ROUNDS = 6
"""Queries to any one shard for one page. The last ones ask for much more, so that a filter gets somewhere."""

MAX_QUERY_ITEMS = 1000
"""Items that one query evaluates at most; DynamoDB stops at 1 MB by itself."""

MAX_SCANNED_BYTES = 4 * 1024 * 1024
"""Stored event bytes after which no further round begins. One round may add 1 MB a shard."""

_T = TypeVar("_T")
position_of = attrgetter("place.position")


class ScanResult(msgspec.Struct, frozen=True, kw_only=True):
    """A gapless stretch of an inbox, oldest first.

    `end` is the last position scanned: whoever goes on from there misses nothing. `more` tells that events beyond
    it are known, or that a shard was not read up to the bound.
    """

    events: Sequence[StoredEvent]
    end: str
    more: bool


async def scan(
    reader: ShardReader, inbox: Place, *, shards: int, before: str, limit: int, types: Sequence[str] = ()
) -> ScanResult:
    """Return up to `limit` events of `inbox` after its position (exclusive) and before `before` (exclusive).

    All shards and all rounds share one `before`: a bound per query let an event that committed between two queries
    slip behind the cursor. Stops after `MAX_ROUNDS` even if a filter or tombstones hid everything; `end` has
    advanced nevertheless. Raises what the reader raises.
    """
    if inbox.position >= before:
        # The cursor comes from a reader whose clock is ahead of ours. Never answer with one further back.
        return ScanResult(events=[], end=inbox.position, more=False)
    scans = [_Shard(reader, inbox, shard=shard, before=before, types=types) for shard in range(shards)]
    for attempt in range(MAX_ROUNDS):
        # To hand out `limit` events, each shard must be known up to the last of them.
        found = _merge(scans)
        goal = position_of(found[limit - 1]) if len(found) >= limit else before
        behind = [shard for shard in scans if shard.frontier < goal]
        if not behind or sum(shard.bytes for shard in scans) >= MAX_SCANNED_BYTES:
            break
        size = min(share(limit, shards) << attempt, MAX_QUERY_ITEMS)
        await gather_all(shard.advance(size) for shard in behind)
    return _stretch(scans, inbox.position, before, limit)


class _Shard:
    """One shard of an inbox and how far it has been read."""

    def __init__(self, reader: ShardReader, start: Place, *, shard: int, before: str, types: Sequence[str]) -> None:
        self._reader = reader
        self._start = start
        self._shard = shard
        self._before = before
        self._types = types
        self.frontier = start.position  # known completely up to here; `before` once there is nothing left
        self.scanned_to = start.position  # the last position that a query named
        self.events: list[StoredEvent] = []
        self.bytes = 0

    async def advance(self, limit: int) -> None:
        """Evaluate up to `limit` further items."""
        answer = await self._reader.query(
            self._start._replace(position=self.frontier),
            shard=self._shard,
            before=self._before,
            limit=limit,
            types=self._types,
        )
        self.events += answer.events
        self.bytes += sum(len(event.body) for event in answer.events)
        self.scanned_to = answer.scanned_to or self.scanned_to
        # A query that stopped early, at `limit` items or at 1 MB, bounds the page, also if it returned no event.
        self.frontier = answer.stopped_at or self._before


def _merge(scans: Sequence[_Shard]) -> list[StoredEvent]:
    # Each shard's events are in order, and sorting merges runs: in a quarter of the time that `heapq.merge` takes.
    return sorted(chain.from_iterable(shard.events for shard in scans), key=position_of)


def _stretch(scans: Sequence[_Shard], start: str, before: str, limit: int) -> ScanResult:
    """Cut what was read down to what has no gap."""
    safe = min(shard.frontier for shard in scans)
    known = _merge(scans)
    events = [event for event in known if position_of(event) <= safe][:limit]
    more = len(events) < len(known) or safe < before
    if len(events) == limit:
        return ScanResult(events=events, end=position_of(events[-1]), more=more)
    # `before` itself is never handed out: positions just below it are this clock's guess. What was scanned is fact.
    scanned_to = max(start, *(shard.scanned_to for shard in scans))
    return ScanResult(events=events, end=min(safe, scanned_to), more=more)


def share(limit: int, shards: int) -> int:
    """Return how many items to ask of each shard, so that one round nearly always fills the page.

    Positions fall on shards at random. Two standard deviations above the mean: of a page of 100 over 4 shards,
    35 each; asking each for all 100 would read, and pay for, nearly three times as much.
    """
    mean = ceil(limit / shards)
    return mean + 2 * (isqrt(mean) + 1)


async def gather_all(jobs: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Run `jobs` concurrently; if one fails, cancel the others and raise its error bare."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
