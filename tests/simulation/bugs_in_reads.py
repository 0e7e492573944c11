"""Bugs of readers: what a page contains, and where its cursor points."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from shared.memory.event_store import MemoryStore
from shared.model.cursor import MAX_RETURNED
from shared.model.position import floor_of
from shared.model.records import StoredEvent
from tests.simulation.planting import Bugs
from tests.simulation.settings import SETTINGS
from worker.inbox import early
from worker.inbox.early import ReturnedEvents
from worker.inbox.reader import Inbox
from worker.reading import scan

READ_BUGS = Bugs()

_LAST = "ffffffff-ffff-7fff-bfff-ffffffffffff"


@READ_BUGS.add
def settle_of_zero() -> Iterator[Any]:
    """A read extends up to now."""
    init = Inbox.__init__

    def unsettled(self: Inbox, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        self._settle_ms = 0

    yield patch.object(Inbox, "__init__", unsettled)


@READ_BUGS.add
def upper_bound_per_shard() -> Iterator[Any]:
    """Each query has its own upper bound; an event commits between two of them."""
    advance = scan._Shard.advance

    async def own_bound(self: Any, limit: int) -> None:
        clock = self._reader.process
        await clock.sleep_ms(150 * self._shard)
        self._before = floor_of(clock.wall_ms() - SETTINGS.settle_ms)
        await advance(self, limit)
        if self.frontier == self.last:
            self.frontier = _LAST

    yield patch.object(scan._Shard, "advance", own_bound)


@READ_BUGS.under("queries")
def truncated_shard_ignored() -> Iterator[Any]:
    """A shard that stopped early does not bound what is returned from the others."""
    query = MemoryStore.query

    async def never_stopped(self: MemoryStore, *args: Any, **kwargs: Any) -> Any:
        return replace(await query(self, *args, **kwargs), stopped_at=None)

    yield patch.object(MemoryStore, "query", never_stopped)


@READ_BUGS.add
def cursor_set_to_the_clock() -> Iterator[Any]:
    """After an empty page the cursor is set to now; events that settle later are behind it."""
    page = Inbox.page

    async def at_now(self: Inbox, *args: Any) -> Any:
        answer = await page(self, *args)
        now = floor_of(self._clock.wall_ms())
        return answer if answer.events else replace(answer, end=max(now, answer.end))

    yield patch.object(Inbox, "page", at_now)


@READ_BUGS.add
def returned_event_forgotten_above_the_cursor() -> Iterator[Any]:
    """A cursor of early reads omits the last event that was returned, although it has not settled."""
    kept = ReturnedEvents.kept
    yield patch.object(ReturnedEvents, "kept", lambda self, passed_ms: kept(self, passed_ms)[1:])


@READ_BUGS.add
def early_cursor_beyond_what_has_settled() -> Iterator[Any]:
    """The cursor of an early read points to the last event returned; one stored at a smaller position is missed."""
    extend = Inbox._with_unsettled

    async def at_the_last(self: Inbox, *args: Any) -> Any:
        page = await extend(self, *args)
        return replace(page, end=max([page.end, *(page.unsettled or ())]))

    yield patch.object(Inbox, "_with_unsettled", at_the_last)


@READ_BUGS.add
def full_cursor_drops_its_oldest_event() -> Iterator[Any]:
    """An early read always has room: returned events that have not settled make way for later ones."""
    yield patch.object(ReturnedEvents, "room_above", lambda *_: MAX_RETURNED)


@READ_BUGS.add
def identity_without_the_time_of_acceptance() -> Iterator[Any]:
    """An id that is accepted again after the window is taken for the event that was returned."""

    def timeless(event: StoredEvent, finished: bytes) -> bytes:
        return digest(replace(event, accepted_at=0), finished)

    digest = early._digest
    yield patch.object(early, "_digest", timeless)
