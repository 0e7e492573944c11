"""Bugs to plant in consumer groups, one at a time: each is a plausible mistake that overlooks one case."""

from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from shared.memory.group_store import MemoryGroupStore
from shared.model import groups as records
from shared.model.groups import GroupName, Ledger, RangeWindow, RetryWindow, Window
from tests.simulation.planting import Bugs
from worker.groups import fresh, held
from worker.groups.events import GroupEvents
from worker.groups.held import Done, Held, Release, _Change
from worker.groups.lapsed import Lapsed
from worker.groups.ledgers import Again, Ledgers
from worker.groups.retries import Retries

BUGS = Bugs()


@BUGS.add
def take_over_without_condition() -> Iterator[Any]:
    """A window is replaced although it has changed since it was read: two members take it over."""

    async def blind(
        self: MemoryGroupStore, group: GroupName, key: str, _: Window, windows: Mapping[str, Window]
    ) -> bool:
        ledger = self.ledgers[group]
        others = {name: window for name, window in ledger.windows.items() if name != key}
        self.ledgers[group] = replace(ledger, windows={**others, **windows})
        return True

    yield patch.object(MemoryGroupStore, "exchange", blind)


@BUGS.add
def take_over_before_every_clock_has_passed_until() -> Iterator[Any]:
    """A window is taken over when it lapses by the clock of the taker, which may be ahead."""
    yield patch.object(Lapsed, "lapses_ms", lambda _, until: until)


@BUGS.add
def take_over_keeps_the_key() -> Iterator[Any]:
    """The member that had the window can still ack it, and ends events of another member."""
    exchange = Ledgers.exchange

    async def keep(self: Ledgers, group: GroupName, key: str, seen: Window, windows: Mapping[str, Window]) -> bool:
        if len(windows) == 1 and key not in windows and isinstance(seen, RangeWindow):
            windows = dict.fromkeys([key], *windows.values())
        return await exchange(self, group, key, seen, windows)

    yield patch.object(Ledgers, "exchange", keep)


@BUGS.add
def window_of_a_number_of_events() -> Iterator[Any]:
    """A window is a start and a number of events: once some have left the inbox, it reaches into the next window."""

    async def count(self: GroupEvents, group: GroupName, window: RangeWindow, types: Sequence[str]) -> Any:
        scanned = await self.after(group, window.after, types, max(1, window.handed))
        return [event for event in scanned.events if not window.has_done(event.place.position)]

    yield patch.object(GroupEvents, "within", count)


@BUGS.add
def unconditional_ack() -> Iterator[Any]:
    """An ack of a lease that was taken over ends the window of the new member."""
    held_change = Held._change

    async def by_range(self: Held, group: GroupName, key: str, change: Any) -> Any:
        ledger = await self._ledgers.read(group)
        if key in ledger.windows or not _last_seen.get(key):
            if window := ledger.windows.get(key):
                _last_seen[key] = window
            return await held_change(self, group, key, change)
        lost = _last_seen[key]
        for name, window in ledger.windows.items():
            if isinstance(window, RangeWindow) and isinstance(lost, RangeWindow) and window.end == lost.end:
                return await held_change(self, group, name, change)
        return await held_change(self, group, key, change)

    _last_seen: dict[str, Window] = {}
    open_window = Ledgers.open

    async def remember(
        self: Ledgers, group: GroupName, seen: Ledger, frontier: str, windows: Mapping[str, Window]
    ) -> None:
        _last_seen.update(windows)
        await open_window(self, group, seen, frontier, windows)

    yield patch.object(Held, "_change", by_range)
    yield patch.object(Ledgers, "open", remember)


@BUGS.add
def release_that_forgets() -> Iterator[Any]:
    """Events are marked as done before their retries are written; a crash in between loses them."""
    write, give_back = Held._write, Held.release
    postponed: ContextVar[list[Any] | None] = ContextVar("postponed", default=None)

    async def write_later(self: Held, *args: Any) -> None:
        if (later := postponed.get()) is None:
            await write(self, *args)
        else:
            later[:] = [args]

    async def release(self: Held, group: GroupName, key: str, asked: Release) -> Any:
        later: list[Any] = []
        token = postponed.set(later)
        try:
            done = await give_back(self, group, key, asked)
        finally:
            postponed.reset(token)
        for args in later:
            await write(self, *args)
        return done

    yield patch.object(Held, "_write", write_later)
    yield patch.object(Held, "release", release)


@BUGS.add
def retry_leased_although_a_window_covers_it() -> Iterator[Any]:
    """A crash between the retry and the mark leaves both, and both are leased."""
    yield patch.object(Ledger, "is_leased", lambda *_: False)


@BUGS.add
@pytest.mark.slow
def retry_row_kept() -> Iterator[Any]:
    """An ack of retries only closes the window; their rows are leased again."""

    async def keep(*_: Any) -> None:
        pass

    yield patch.object(Retries, "remove", keep)


@BUGS.add
def divided_while_it_can_be_acked() -> Iterator[Any]:
    """A window becomes retries under its old key, so that its member may ack events that are already retries."""

    async def unfenced(self: Lapsed, turn: Any, key: str, seen: Any, _: Any) -> Any:
        if isinstance(seen, RetryWindow):
            await self._retries.release_lapsed(turn, seen)
        else:
            await self._divide(turn, seen)
        await self._ledgers.exchange(turn.group, key, replace(seen), {})
        raise Again

    yield patch.object(Lapsed, "_exclusively", unfenced)


@BUGS.add
def opened_without_condition() -> Iterator[Any]:
    """Two members lease the same events from the same frontier."""

    async def blind(
        self: MemoryGroupStore, group: GroupName, _: Ledger, frontier: str, windows: Mapping[str, Window]
    ) -> bool:
        ledger = self.ledgers[group]
        self.ledgers[group] = replace(
            ledger, frontier=frontier, serial=ledger.serial + 1, windows={**ledger.windows, **windows}
        )
        return True

    yield patch.object(MemoryGroupStore, "open", blind)


@BUGS.add
def opened_if_the_frontier_is_unchanged() -> Iterator[Any]:
    """Leases of retries do not move the frontier, so two members lease the same retries."""

    async def by_frontier(
        self: MemoryGroupStore, group: GroupName, seen: Ledger, frontier: str, windows: Mapping[str, Window]
    ) -> bool:
        ledger = self.ledgers[group]
        if ledger.frontier != seen.frontier or ledger.epoch != seen.epoch:
            return False
        self.ledgers[group] = replace(ledger, frontier=frontier, windows={**ledger.windows, **windows})
        return True

    yield patch.object(MemoryGroupStore, "open", by_frontier)


@BUGS.add
def seek_over_leased_retries() -> Iterator[Any]:
    """After a seek, the frontier passes an event that a member has as a retry, and another member gets it."""
    yield patch.object(fresh, "_leased_as_retries", lambda _: set())


@BUGS.add
def frontier_at_now() -> Iterator[Any]:
    """A lease extends up to now; events that are stored later are behind the frontier."""
    init = GroupEvents.__init__

    def unsettled(self: GroupEvents, *args: Any) -> None:
        init(self, *args)
        self._settle_ms = 0

    yield patch.object(GroupEvents, "__init__", unsettled)


@BUGS.add
def two_events_with_one_digest() -> Iterator[Any]:
    """A window may hold two events with one digest; when one is done, so is the other."""
    yield patch.object(fresh, "distinct", lambda events: events)
    yield patch.object(records, "digest_of", _short)
    yield patch.object(held, "digest_of", _short)


def _short(position: str) -> bytes:
    return bytes([0, 0, int(position[-1], 16)])


@BUGS.add
def removed_when_the_count_says_so() -> Iterator[Any]:
    """An ack of positions that name no event of the group counts, and the window ends with events left."""

    async def trust(_: Held, *given: Any) -> Any:
        _, _, key, window, fresh = given
        marked = replace(window, done=window.done + b"".join(map(records.digest_of, fresh)))
        windows = {key: marked} if marked.left else {}
        return _Change(windows, Done(done=len(fresh), left=marked.left))

    yield patch.object(Held, "_mark_done", trust)


@BUGS.add
def released_before_its_delay() -> Iterator[Any]:
    """A retry is due by the clock of the taker, which may be ahead of the one that set the time."""
    init = Retries.__init__

    def no_skew(self: Retries, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self._skew_ms = 0

    yield patch.object(Retries, "__init__", no_skew)
