"""Bugs that overlook that clocks differ and are set, that days pass, or that the TTL deletes when it likes."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from shared.memory.event_store import MemoryStore
from shared.model.records import Place, StoredEvent, Tombstone
from shared.model.type_pattern import matches_any
from tests.simulation.planting import Bugs
from worker.commit.event_commit import CommitRules, EventCommit
from worker.commit.removal import Remover
from worker.inbox import reader
from worker.inbox.lookup import Lookup
from worker.inbox.reader import Inbox, Page, PageRequest
from worker.reading.scan import ScanResult, scan

TIME_BUGS = Bugs()
_clocks, _expiry = TIME_BUGS.under("clocks"), TIME_BUGS.under("expiry")


@_expiry
def mark_that_expires_with_an_old_event() -> Iterator[Any]:
    """The mark of an erase is kept as long as the guard that it is on; an event that is still in flight is listed."""
    yield patch.object(Remover, "_marked", lambda _, guard, pack: replace(guard, erased_at=pack.accepted_at))


@_clocks
def cursor_taken_back_to_the_bound() -> Iterator[Any]:
    """A reader whose clock is behind returns its own bound as the cursor."""

    async def bounded(store: Any, inbox: Place, *, before: str, **kwargs: Any) -> ScanResult:
        found = await scan(store, inbox, before=before, **kwargs)
        return replace(found, end=before) if inbox.position >= before else found

    yield patch.object(reader, "scan", bounded)


@_clocks
@pytest.mark.slow
def early_read_from_the_bound_of_this_clock() -> Iterator[Any]:
    """An early read covers everything beyond this reader's bound, which may lie before its cursor."""
    extend = Inbox._with_unsettled

    async def from_bound(self: Inbox, request: PageRequest, page: Page, _: str, returned: Any) -> Page:
        return await extend(self, request, page, page.before, returned)

    yield patch.object(Inbox, "_with_unsettled", from_bound)


@_clocks
def wait_that_ends_when_it_wakes() -> Iterator[Any]:
    """A long poll reads once when its event is readable, by a clock that is set back meanwhile."""
    read = Inbox.read

    async def once(self: Inbox, request: PageRequest, wait_seconds: float = 0, key_id: str = "") -> Page:
        page = await read(self, request)
        if page.events or page.more or not wait_seconds:
            return page
        woken = self._long_polls.wait(
            request.place._replace(position=""), page.before, request.types, key_id, page.early_wait
        )
        try:
            async with asyncio.timeout(wait_seconds):
                await woken
        except TimeoutError:
            return page
        return await read(self, request._replace(after=page.end, returned=page.returned))

    yield patch.object(Inbox, "read", once)


@_expiry
def expired_events_listed_until_deleted() -> Iterator[Any]:
    """What has expired is listed until the TTL deletes it, days later."""

    async def everything(self: MemoryStore, inbox: Place, *, types: Sequence[str] = (), **kwargs: Any) -> Any:
        with patch.object(self, "_clock", _Early(self._clock)):
            answer = await query(self, inbox, **kwargs)
        return replace(answer, events=[event for event in answer.events if matches_any(types, event.type)])

    query = MemoryStore.query
    yield patch.object(MemoryStore, "query", everything)


class _Early:
    """A clock by which nothing has expired."""

    def __init__(self, clock: Any) -> None:
        self.monotonic_ms = clock.monotonic_ms

    def wall_ms(self) -> int:
        return 0


@_expiry
def expired_events_found_by_their_id() -> Iterator[Any]:
    """A lookup returns what it finds, expired or not."""
    find = Lookup._find

    async def whatever(self: Lookup, identity: Any) -> StoredEvent | None:
        with patch.object(self, "_clock", _Early(self._clock)):
            return await find(self, identity)

    yield patch.object(Lookup, "_find", whatever)


@_expiry
def expired_events_acked() -> Iterator[Any]:
    """An ack of an expired event that is not deleted yet keeps it as long again."""
    yield patch.object(Remover, "_is_listed", lambda _, record: isinstance(record, StoredEvent))


@_expiry
def guards_live_as_long_as_their_events() -> Iterator[Any]:
    """An event that is acked on its last day outlives its guard, and no erase finds it."""
    yield patch.object(CommitRules, "guard_ttl_seconds", property(lambda self: self.event_ttl_seconds))


@_expiry
def life_from_the_time_of_storing() -> Iterator[Any]:
    """An event that waited in the queue lives longer than one that did not."""
    stored_at = EventCommit.stored_at

    def later(self: EventCommit, position: str) -> StoredEvent:
        now = self._rules.clock.wall_ms() // 1000
        return replace(stored_at(self, position), expires_at=now + self._rules.event_ttl_seconds)

    yield patch.object(EventCommit, "stored_at", later)


@_expiry
def ack_that_does_not_extend_the_life() -> Iterator[Any]:
    """An acknowledged event expires when the event would have."""

    def unextended(_: Remover, event: StoredEvent, acked_at: int) -> StoredEvent:
        return replace(event, place=event.place._replace(delivered=True), delivered_at=acked_at)

    yield patch.object(Remover, "_delivered", unextended)


@TIME_BUGS.under("expiry and late calls")
@pytest.mark.slow
def tombstones_that_expire_at_once() -> Iterator[Any]:
    """A tombstone is no longer needed once its event has moved; a late call finds the position free."""

    def short(self: MemoryStore, place: Place, moved_to: str | None) -> None:
        now = self._clock.wall_ms() // 1000
        self._put(place, Tombstone(place=place, moved_to=moved_to, expires_at=now))

    yield patch.object(MemoryStore, "_bury", short)
