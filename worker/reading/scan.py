"""Reads an inbox over all its shards at once, in the order of positions, oldest or newest first.

Every shard has a frontier: it is known completely up to there. Going forward, events at or below the smallest frontier
can be returned; those above might still be preceded by an event that no query has returned yet. Going backward it is
the mirror image.
"""

import operator
from collections.abc import Sequence
from itertools import chain
from math import ceil, isqrt
from operator import attrgetter

import msgspec

from shared.concurrency import gather_all
from shared.model.records import Place, StoredEvent
from shared.ports import ShardReader

MAX_ROUNDS = 6
"""Queries of one shard for one page. The last ones ask for much more, so that a selective filter makes progress."""

MAX_QUERY_ITEMS = 1000
"""Items that one query evaluates; DynamoDB also stops at 1 MB."""

MAX_SCANNED_BYTES = 4 * 1024 * 1024
"""Stored event bytes after which no further round begins. One round may add 1 MB per shard."""

position_of = attrgetter("place.position")


class ScanResult(msgspec.Struct, frozen=True, kw_only=True):
    """A gapless part of an inbox, in the order asked for.

    `end` is the last position scanned: a reader that continues from there misses nothing. `more` says that events
    beyond it are known, or that a shard was not read up to the bound.
    """

    events: Sequence[StoredEvent]
    end: str
    more: bool


async def scan(
    reader: ShardReader,
    inbox: Place,
    *,
    before: str,
    limit: int,
    types: Sequence[str] = (),
    newest_first: bool = False,
) -> ScanResult:
    """Return up to `limit` events of `inbox` between its position and `before`, both exclusive.

    All shards and all rounds share one `before`: with a bound per query, an event committed between two queries
    slipped behind the cursor. Stops after `MAX_ROUNDS` even if a filter or tombstones hid everything; `end` has
    advanced nevertheless. With `newest_first` the result is not for following: `end` stays where it was and `more` is
    False. Raises what the reader raises.
    """
    if inbox.position >= before:
        # The cursor comes from a reader whose clock is ahead of ours. Never return an earlier one.
        return ScanResult(events=[], end=inbox.position, more=False)
    shards = await reader.shards(inbox, before)
    is_behind = operator.gt if newest_first else operator.lt
    scans = [_Shard(reader, inbox, shard, before, types, newest_first=newest_first) for shard in range(shards)]
    for attempt in range(MAX_ROUNDS):
        # To return `limit` events, each shard must be known up to the last of them.
        found = _merge(scans, newest_first=newest_first)
        goal = position_of(found[limit - 1]) if len(found) >= limit else scans[0].last
        behind = [shard for shard in scans if is_behind(shard.frontier, goal)]
        if not behind or sum(shard.bytes for shard in scans) >= MAX_SCANNED_BYTES:
            break
        size = min(share(limit, shards) << attempt, MAX_QUERY_ITEMS)
        await gather_all(shard.advance(size) for shard in behind)
    safe = (max if newest_first else min)(shard.frontier for shard in scans)
    known = _merge(scans, newest_first=newest_first)
    events = [event for event in known if not is_behind(safe, position_of(event))][:limit]
    if newest_first:
        return ScanResult(events=events, end=inbox.position, more=False)
    more = len(events) < len(known) or safe < before
    if len(events) == limit:
        return ScanResult(events=events, end=position_of(events[-1]), more=more)
    # `before` is never an end: positions just below it are this clock's guess. Scanned positions are fact.
    scanned_to = max(inbox.position, *(shard.scanned_to for shard in scans))
    return ScanResult(events=events, end=min(safe, scanned_to), more=more)


class _Shard:
    """One shard of an inbox and how far it has been read."""

    def __init__(
        self, reader: ShardReader, inbox: Place, shard: int, before: str, types: Sequence[str], *, newest_first: bool
    ) -> None:
        self._reader = reader
        self._inbox = inbox
        self._shard = shard
        self._before = before
        self._types = types
        self._newest_first = newest_first
        first, self.last = (before, inbox.position) if newest_first else (inbox.position, before)
        self.frontier = first  # known completely up to here; `last` once nothing remains
        self.scanned_to = inbox.position  # the last position that a query named
        self.events: list[StoredEvent] = []
        self.bytes = 0

    async def advance(self, limit: int) -> None:
        """Evaluate up to `limit` further items."""
        answer = await self._reader.query(
            self._inbox if self._newest_first else self._inbox._replace(position=self.frontier),
            shard=self._shard,
            before=self.frontier if self._newest_first else self._before,
            limit=limit,
            types=self._types,
            newest_first=self._newest_first,
        )
        self.events += answer.events
        self.bytes += sum(len(event.body) for event in answer.events)
        self.scanned_to = answer.scanned_to or self.scanned_to
        # A query that stopped early, at `limit` items or at 1 MB, bounds the page, even if it returned no event.
        self.frontier = answer.stopped_at or self.last


def _merge(scans: Sequence[_Shard], *, newest_first: bool) -> list[StoredEvent]:
    # Each shard's events are in order, and sorting merges runs, in a quarter of the time of `heapq.merge`.
    return sorted(chain.from_iterable(shard.events for shard in scans), key=position_of, reverse=newest_first)


def share(limit: int, shards: int) -> int:
    """Return how many items to request from each shard, so that one round nearly always fills the page.

    Positions are distributed over shards at random. Two standard deviations above the mean: for a page of 100 over 4
    shards, 37 each. Requesting all 100 from each would read, and cost, nearly three times as much.
    """
    mean = ceil(limit / shards)
    return mean + 2 * (isqrt(mean) + 1)
