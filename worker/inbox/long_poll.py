"""Waiting for events: however many wait at one inbox, one task looks into it for all of them.

An event is readable `settle_ms` after its position was minted, and nearly always stored long before. So a look goes
beyond what is readable, and tells each waiter the moment at which its event will be: looking twice a second is
enough to answer on time. Late is who waits for an event that took the worker more than half of `settle_ms` to commit,
and by no more than that; where a commit must be done within 800 ms, by 300.

Over four shards, looks come to eight queries a second, and none while nobody waits.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

from shared.clock import Clock
from shared.concurrency import gather_all
from shared.model import position
from shared.model.errors import Unavailable, Unclear
from shared.model.records import Place
from shared.model.type_pattern import matches_any
from shared.ports import EventReader

MAX_WAITERS = 10_000
"""Of one process. One more is not kept waiting. A waiter takes some 25 KB with its connection."""

LOOK_MS = 500
"""Between two looks into one inbox."""

_LOOK_MS_PER_INBOX = 20
"""A process looks into at most 50 inboxes a second, 200 queries: with more to watch it looks less often."""

_LEAST_LOOK_MS_PER_INBOX = 1
"""Also where the store announces changes: a busy one announces them all the time."""

_LOOK_ITEMS = 100
"""Of one shard; an inbox where more is new than this at once wakes all who wait there."""

_MARGIN_MS = 2
"""Timers may be a millisecond early."""

_END = position.floor_of((1 << 48) - 1)

_log = logging.getLogger("triggers.inbox")


class _Seen(NamedTuple):
    """An event that a look came upon; with no type, a point behind which the look could not see."""

    position: str
    type: str | None


class _Waiter:
    """One who waits for an event at `start` or behind; `found` gets its position, or None if there is no more waiting.

    `start` moves with every look: what lay before it has been looked at.
    """

    __slots__ = ("found", "start", "types")

    def __init__(self, start: str, types: Sequence[str]) -> None:
        self.start = start
        self.types = types
        self.found: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def notice(self, seen: Sequence[_Seen]) -> None:
        """End the waiting if there is something in `seen`, which is sorted, to wait for."""
        for event in seen:
            if event.position >= self.start and (event.type is None or matches_any(self.types, event.type)):
                self.end(event.position)
                return

    def end(self, found: str | None) -> None:
        """End the waiting."""
        if not self.found.done():
            self.found.set_result(found)


class LongPolls:
    """All inboxes of one events table at which somebody waits."""

    def __init__(self, reader: EventReader, clock: Clock, *, shards: int, settle_ms: int) -> None:
        self._reader = reader
        self._clock = clock
        self._shards = shards
        self._settle_ms = settle_ms
        self._watches: dict[Place, _Watch] = {}
        self._waiting = 0
        self._stopped = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._waiting

    @property
    def watched(self) -> int:
        """How many inboxes somebody waits at."""
        return len(self._watches)

    async def found(self, inbox: Place, start: str, types: Sequence[str]) -> str | None:
        """Return a position, not before `start`, at which an event of `types` can be read from now on.

        Returns None if there is no waiting any more: the process is about to end, or has too many waiters. An event
        may be gone again by the time that it is read. While the table does not answer, this waits.
        """
        if self._stopped or self._waiting >= MAX_WAITERS:
            return None
        watch = self._watches.get(inbox)
        if watch is None:
            watch = self._watches[inbox] = _Watch(self, inbox)
        self._waiting += 1
        try:
            found = await watch.found(start, types)
        finally:
            self._waiting -= 1
        if found is not None:
            readable_ms = position.time_of(found) + self._settle_ms + _MARGIN_MS
            await self._clock.sleep_ms(max(0, readable_ms - self._clock.wall_ms()))
        return found

    def stop(self) -> None:
        """Let nobody wait any longer, now and from now on."""
        self._stopped = True
        for watch in self._watches.values():
            watch.stop()

    async def aclose(self) -> None:
        """Stop, and stop looking."""
        self.stop()
        tasks = [watch.task for watch in self._watches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def bound(self) -> str:
        """Return the position up to which everything can be read now."""
        return position.floor_of(self._clock.wall_ms() - self._settle_ms)

    async def look(self, inbox: Place) -> list[_Seen]:
        """Return what lies behind `inbox.position`, readable or not yet, sorted."""
        slices = await gather_all(
            self._reader.query(inbox, shard=shard, before=_END, limit=_LOOK_ITEMS) for shard in range(self._shards)
        )
        seen = [_Seen(event.place.position, event.type) for slice_ in slices for event in slice_.events]
        seen += [_Seen(slice_.stopped_at, None) for slice_ in slices if slice_.stopped_at]
        return sorted(seen, key=lambda event: event.position)

    def mark(self) -> int:
        """Return a mark of the store before a poll, for `pause`."""
        return self._reader.mark()

    async def pause(self, mark: int) -> None:
        """Wait until it is time for the next poll: soon after a change, where the store notices changes."""
        least_ms = _LEAST_LOOK_MS_PER_INBOX * len(self._watches)
        await self._clock.sleep_ms(least_ms)
        await self._reader.wait_for_change(mark, max(LOOK_MS, _LOOK_MS_PER_INBOX * len(self._watches)) - least_ms)

    def forget(self, inbox: Place) -> None:
        """Take the watch of `inbox` out."""
        del self._watches[inbox]


class _Watch:
    """One inbox at which somebody waits, and the task that looks into it until nobody does."""

    def __init__(self, watches: LongPolls, inbox: Place) -> None:
        self._watches = watches
        self._inbox = inbox
        self._waiters: set[_Waiter] = set()
        self._seen: list[_Seen] = []  # by the last look
        self.task = asyncio.create_task(self._run())

    async def found(self, start: str, types: Sequence[str]) -> str | None:
        """Return the position of an event of `types` at `start` or behind; None if stopped."""
        waiter = _Waiter(start, types)
        waiter.notice(self._seen)
        self._waiters.add(waiter)
        try:
            return await waiter.found
        finally:
            self._waiters.discard(waiter)

    def stop(self) -> None:
        """End all waiting."""
        for waiter in self._waiters:
            waiter.end(None)

    async def _run(self) -> None:
        try:
            # Whoever made this watch adds its waiter before this task first runs.
            while self._waiters:
                mark = self._watches.mark()
                try:
                    await self._look()
                except (Unavailable, Unclear) as error:
                    # Who waits has an answer all the same: an empty page and a cursor that stays where it is.
                    _log.warning("a watched inbox can't be read", extra={"error": str(error)})
                await self._watches.pause(mark)
        finally:
            self._watches.forget(self._inbox)

    async def _look(self) -> None:
        bound = self._watches.bound()
        start = min(waiter.start for waiter in self._waiters)
        self._seen = await self._watches.look(self._inbox._replace(position=start))
        for waiter in self._waiters:
            waiter.notice(self._seen)
            # Nothing can be stored before `bound` any more. One who came during the look may start before it did.
            if waiter.start >= start:
                waiter.start = max(waiter.start, bound)
