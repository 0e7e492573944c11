"""Long polls: one task per inbox polls the store for all requests that wait there.

An event becomes readable `settle_ms` after its position was minted, and is nearly always stored much earlier. So a poll
reads beyond what is readable, and each waiter sleeps until its event becomes readable: two polls per second are enough
to answer on time. An answer is late only if the commit of its event took longer than half of `settle_ms`, and by at
most the excess: 300 ms, since commits are done within 800 ms.

That makes two queries per second for each shard of an inbox, and none while no request waits.

All polls of a process take turns. Keys whose requests wait are served in rotation, so one that waits at a thousand
inboxes delays its own polls, and those of others by no more than one turn each.
"""

import asyncio
import logging
from collections.abc import Sequence

from shared.clock import Clock
from shared.concurrency import gather_all
from shared.containers import batches
from shared.fairness import FairPlaces, FairSlots
from shared.model import position
from shared.model.errors import Unavailable, Unclear
from shared.model.records import Place
from shared.ports import EventReader
from worker.reading.waiter import EarlyWait, Poll, Polled, Waiter

MAX_WAITERS = 10_000
"""Per process; a key may have as many as are free. Further requests do not wait. A waiter and its connection take about
25 KB."""

POLL_MS = 500
"""Interval between two polls of one inbox."""

_QUERY_TURN_MS = 1
"""A process makes at most 1,000 queries per second, a fifth of a CPU: with more inboxes it polls each less often. So
1,000 inboxes of one shard are polled once a second, and their requests answered on time."""

EARLY_POLL_MS = 50
"""The same while an early request waits, for 5 s after an event. Later a hundredth of the time since the last one, so
that an inbox in which nothing happens costs no more than with other requests."""

_CHANGED_TURN_MS = 1
"""The same if the store has reported a change: a busy one does so constantly."""

_LATE_MS = 20
"""Turns that began late are made up for, by up to this much."""

_POLL_ITEMS = 100
"""Per shard. If one poll finds more new events than this, it wakes all waiters of the inbox."""

_MARGIN_MS = 2
"""Timers may fire a millisecond early."""

_WOKEN_AT_ONCE = 200
"""Waiters that one event wakes in one event-loop iteration. Each then reads a page, which takes some 30 µs."""

_BETWEEN_MS = 8
"""Between the answers of two such groups: 5,000 requests are answered within 200 ms, and others in between."""

_END = position.floor_of((1 << 48) - 1)

_log = logging.getLogger("triggers.inbox")


class LongPolls:
    """The long polls of one events table."""

    def __init__(self, reader: EventReader, clock: Clock, *, settle_ms: int) -> None:
        self._reader = reader
        self._clock = clock
        self._settle_ms = settle_ms
        self._watches: dict[Place, _Watch] = {}
        self._places = FairPlaces(MAX_WAITERS)
        self._stopped = False
        self._turn_end: asyncio.Task[None] | None = None
        self._next_turn_ms = 0
        self.turns = FairSlots(1)

    @property
    def waiting(self) -> int:
        """The number of waiting requests."""
        return self._places.taken

    @property
    def watched(self) -> int:
        """The number of inboxes with waiting requests."""
        return len(self._watches)

    async def wait(
        self, inbox: Place, start: str, types: Sequence[str], key_id: str, early: EarlyWait | None = None
    ) -> str | None:
        """Wait for an event of `types` at or after `start` to become readable, or stored; return its position.

        Returns None if the process is shutting down or has too many waiters. The event may be gone by the time it is
        read. While the table does not answer, this waits.
        """
        if self._stopped or not self._places.take(key_id):
            return None
        watch = self._watches.get(inbox)
        if watch is None:
            watch = self._watches[inbox] = _Watch(self, inbox)
        try:
            found, delay_ms = await watch.wait(start, types, key_id, early)
        finally:
            self._places.leave(key_id)
        if found is None:
            return None
        # A poll that stopped before the end may have found nothing but tombstones, which are not worth a read yet.
        if early is None or found.type is None:
            readable_ms = position.time_of(found.position) + self._settle_ms + _MARGIN_MS + delay_ms
            await self._clock.sleep_ms(max(0, readable_ms - self._clock.wall_ms()))
        return found.position

    def stop(self) -> None:
        """End all waits, and let no new request wait."""
        self._stopped = True
        for watch in self._watches.values():
            watch.stop()

    async def aclose(self) -> None:
        """Stop, and cancel all polls."""
        self.stop()
        tasks = [watch.task for watch in self._watches.values()]
        tasks += [self._turn_end] if self._turn_end else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def bound(self) -> str:
        """Return the position up to which everything is readable now."""
        return position.floor_of(self._clock.wall_ms() - self._settle_ms)

    async def poll(self, inbox: Place) -> tuple[list[Polled], int]:
        """Return the events after `inbox.position`, readable or not yet, by position; and the number of queries."""
        shards = await self._reader.shards(inbox, _END)
        slices = await gather_all(
            self._reader.query(inbox, shard=shard, before=_END, limit=_POLL_ITEMS) for shard in range(shards)
        )
        polled = [Polled(event.place.position, event.type) for slice_ in slices for event in slice_.events]
        polled += [Polled(slice_.stopped_at, None) for slice_ in slices if slice_.stopped_at]
        return sorted(polled, key=lambda event: event.position), shards

    def mark(self) -> int:
        """Return the store's change marker, for `pause`."""
        return self._reader.mark()

    async def pause(self, mark: int, latest: str | None, queries: int) -> int:
        """Wait until the next poll is due: soon after a change, if the store detects changes.

        `latest` is the latest known event if an early request waits. Returns for how many ms after that poll, of as
        many `queries` as the last one, no other may begin.
        """
        poll_ms = float(POLL_MS)
        if latest is not None:
            idle_ms = self._clock.wall_ms() - position.time_of(latest)
            poll_ms = min(POLL_MS, max(EARLY_POLL_MS, idle_ms / 100))
        await self._reader.wait_for_change(mark, poll_ms)
        return _QUERY_TURN_MS * queries if self._reader.mark() == mark else _CHANGED_TURN_MS

    def end_turn(self, after_ms: int) -> None:
        """Let the next inbox be polled `after_ms` from now, on average: timers are too late by a millisecond or two."""
        now_ms = self._clock.monotonic_ms()
        self._next_turn_ms = max(self._next_turn_ms, now_ms - _LATE_MS) + after_ms
        self._turn_end = asyncio.create_task(self._end_turn(self._next_turn_ms - now_ms))

    async def _end_turn(self, after_ms: int) -> None:
        if after_ms > 0:
            await self._clock.sleep_ms(after_ms)
        self.turns.release()

    def forget(self, inbox: Place) -> None:
        """Remove the watch of `inbox`."""
        del self._watches[inbox]


class _Watch:
    """One inbox with waiting requests, and the task that polls it while there are any."""

    def __init__(self, long_polls: LongPolls, inbox: Place) -> None:
        self._long_polls = long_polls
        self._inbox = inbox
        self._waiters: set[Waiter] = set()
        self._polled = Poll()
        self._queries = 1  # of the last poll
        self._turn: asyncio.Future[bool] | None = None  # while the next poll waits for one
        self.task = asyncio.create_task(self._run())

    async def wait(
        self, start: str, types: Sequence[str], key_id: str, early: EarlyWait | None
    ) -> tuple[Polled | None, int]:
        """Return an event of `types` at or after `start`, None if stopped, and by how many ms to delay the answer."""
        waiter = Waiter(start, types, key_id, early)
        if early is None:  # else the request has read later than the last poll, and what that found may be gone
            waiter.notify(self._polled)
        if self._turn is not None and key_id not in self._key_ids():
            self._long_polls.turns.join(self._turn, key_id)
        self._waiters.add(waiter)
        try:
            return await waiter.found, waiter.delay_ms
        finally:
            self._waiters.discard(waiter)
            if self._turn and not (self._waiters or self._turn.done()):
                self._turn.set_result(False)

    def stop(self) -> None:
        """End all waits."""
        for waiter in self._waiters:
            waiter.end(None)

    async def _run(self) -> None:
        turn_ms = _QUERY_TURN_MS
        try:
            # The request that creates this watch adds its waiter before this task first runs.
            while self._waiters:
                if not await self._take_turn(turn_ms):
                    continue
                mark = self._long_polls.mark()
                try:
                    await self._poll()
                except (Unavailable, Unclear) as error:
                    # Waiting requests still get an answer: an empty page and an unchanged cursor.
                    _log.warning("a watched inbox can't be read", extra={"error": str(error)})
                turn_ms = await self._long_polls.pause(mark, self._latest(), self._queries)
        finally:
            self._long_polls.forget(self._inbox)

    async def _take_turn(self, turn_ms: int) -> bool:
        """Wait for the turn of any key that waits here; return False if all have left before."""
        turns = self._long_polls.turns
        first, *others = self._key_ids()
        self._turn = turns.request(first)
        for key_id in others:
            turns.join(self._turn, key_id)
        try:
            has_turn = await self._turn
        finally:
            self._turn = None
        if has_turn:
            self._long_polls.end_turn(turn_ms)
        return has_turn

    def _latest(self) -> str | None:
        """Return the latest known event if an early request waits, else None."""
        known = [waiter.early.latest for waiter in self._waiters if waiter.early]
        return max(known + [event.position for event in self._polled.events[-1:]]) if known else None

    def _key_ids(self) -> set[str]:
        return {waiter.key_id for waiter in self._waiters}

    async def _poll(self) -> None:
        if not self._waiters:
            return
        bound = self._long_polls.bound()
        start = min(waiter.start for waiter in self._waiters)
        polled, self._queries = await self._long_polls.poll(self._inbox._replace(position=start))
        self._polled = Poll(polled)
        for number, waiters in enumerate(batches(list(self._waiters), _WOKEN_AT_ONCE)):
            if number:
                await asyncio.sleep(0)
            for waiter in waiters:
                waiter.notify(self._polled, number * _BETWEEN_MS)
                # No event can be stored before `bound` anymore. A waiter added during the poll may start before it did.
                if waiter.start >= start:
                    waiter.start = max(waiter.start, bound)
