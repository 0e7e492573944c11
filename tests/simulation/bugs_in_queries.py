"""Bugs that overlook that a query may stop early, or that clients read in other ways than page by page."""

from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from shared.memory.event_store import MemoryStore
from shared.model.records import Count, Place
from tests.simulation.planting import Bugs
from worker.inbox.lookup import Lookup
from worker.reading import scan
from worker.reading.counts import Counts
from worker.reading.long_poll import LongPolls
from worker.reading.waiter import Polled

QUERY_BUGS = Bugs()
_bug = QUERY_BUGS.under("queries")


@_bug
def short_query_ends_the_shard() -> Iterator[Any]:
    """A query that returns fewer events than it may has read everything."""
    advance = scan._Shard.advance

    async def ended(self: Any, limit: int) -> None:
        before = len(self.events)
        await advance(self, limit)
        if len(self.events) - before < limit:
            self.frontier = self.last

    yield patch.object(scan._Shard, "advance", ended)


@_bug
def empty_query_ends_the_shard() -> Iterator[Any]:
    """A query that returns no event has read everything, although a filter hid what it read."""
    advance = scan._Shard.advance

    async def ended(self: Any, limit: int) -> None:
        before = len(self.events)
        await advance(self, limit)
        if len(self.events) == before:
            self.frontier = self.last

    yield patch.object(scan._Shard, "advance", ended)


@_bug
def count_of_the_first_query() -> Iterator[Any]:
    """A count takes one query of each shard, and is complete."""

    async def first(self: Counts, name: Any, shard: int, before: str) -> tuple[int, bool]:
        place = Place(name.tenant, name.inbox, name.after)
        answer: Count = await self._reader.count(place, shard=shard, before=before, limit=10_000, types=name.types)
        return answer.events, True

    yield patch.object(Counts, "_count_shard", first)


@_bug
def newest_of_each_shard() -> Iterator[Any]:
    """A shard that stopped early does not bound the newest events of the others."""
    advance = scan._Shard.advance

    async def unbounded(self: Any, limit: int) -> None:
        await advance(self, limit)
        if self._newest_first:
            self.frontier = self.last

    yield patch.object(scan._Shard, "advance", unbounded)


@_bug
def poll_blind_beyond_its_stop() -> Iterator[Any]:
    """A poll that stops early wakes no request that waits for an event beyond."""
    poll = LongPolls.poll

    async def blind(self: LongPolls, inbox: Place) -> tuple[list[Polled], int]:
        polled, queries = await poll(self, inbox)
        return [event for event in polled if event.type is not None], queries

    yield patch.object(LongPolls, "poll", blind)


@_bug
def filter_of_exact_types() -> Iterator[Any]:
    """`u.*` selects the type `u.*`."""
    query = MemoryStore.query

    async def exact(self: MemoryStore, inbox: Place, *, types: Sequence[str] = (), **kwargs: Any) -> Any:
        answer = await query(self, inbox, **kwargs)
        return replace(answer, events=[event for event in answer.events if not types or event.type in types])

    yield patch.object(MemoryStore, "query", exact)


@_bug
def lookup_among_the_undelivered() -> Iterator[Any]:
    """A lookup reads the event where it was stored; once acked, it is not found."""
    find = Lookup._find

    async def undelivered(self: Lookup, identity: Any) -> Any:
        found = await find(self, identity)
        return None if found is None or found.place.delivered else found

    yield patch.object(Lookup, "_find", undelivered)
