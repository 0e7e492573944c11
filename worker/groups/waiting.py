"""Members that wait for work: of those that wait for one group in a process, only the first polls.

When it has found some, the next one polls, and so on until one finds nothing and waits. So an event wakes one member,
and a thousand idle members cost as much as one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from shared.clock import Clock
from shared.model.groups import GroupName
from worker.groups.turn import Lease

POLL_MS = 2000
"""Longest time between two reads of a ledger: what other processes release is found by then."""

Take = Callable[[], Awaitable[Lease | None]]


class _Queue:
    """The members of one process that wait for one group."""

    def __init__(self) -> None:
        self.head = asyncio.Lock()  # its holder polls; the lock is fair
        self.changed = asyncio.Event()
        self.members = 0


class Waiting:
    """Members that wait, and the groups that they wait for.

    `next_event` waits for an event of a group to become readable; `next_due` returns when (epoch milliseconds) events
    that were leased before can be leased again, None if there are none.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        next_event: Callable[[GroupName], Awaitable[None]],
        next_due: Callable[[GroupName], Awaitable[int | None]],
    ) -> None:
        self._clock = clock
        self._next_event = next_event
        self._next_due = next_due
        self._queues: dict[GroupName, _Queue] = {}
        self._is_stopped = False

    @property
    def members(self) -> int:
        """The number of waiting members."""
        return sum(queue.members for queue in self._queues.values())

    async def lease(self, group: GroupName, seconds: float, take: Take) -> Lease | None:
        """Return what `take` returns, which is called until it is a lease, or `seconds` have passed."""
        end_ms = self._clock.monotonic_ms() + seconds * 1000
        with self._joined(group) as queue:
            try:
                await asyncio.wait_for(queue.head.acquire(), seconds)
            except TimeoutError:
                return None
            try:
                return await self._poll(group, queue, end_ms, take)
            finally:
                queue.head.release()

    def notify(self, group: GroupName) -> None:
        """Let a waiting member poll again: events of `group` were released in this process."""
        if queue := self._queues.get(group):
            queue.changed.set()

    def stop(self) -> None:
        """End all waits, and let no member wait."""
        self._is_stopped = True
        for queue in self._queues.values():
            queue.changed.set()

    @contextmanager
    def _joined(self, group: GroupName) -> Iterator[_Queue]:
        queue = self._queues.setdefault(group, _Queue())
        queue.members += 1
        try:
            yield queue
        finally:
            queue.members -= 1
            if not queue.members:
                del self._queues[group]

    async def _poll(self, group: GroupName, queue: _Queue, end_ms: float, take: Take) -> Lease | None:
        while True:
            queue.changed.clear()
            lease = await take()
            left_ms = end_ms - self._clock.monotonic_ms()
            if lease is not None or left_ms <= 0 or self._is_stopped:
                return lease
            due_ms = await self._next_due(group)
            pause_ms = POLL_MS if due_ms is None else max(1, due_ms - self._clock.wall_ms())
            await self._pause(group, queue, min(pause_ms, POLL_MS, left_ms))

    async def _pause(self, group: GroupName, queue: _Queue, most_ms: float) -> None:
        """Wait for an event, a release or `most_ms`, whichever comes first."""
        reasons = (queue.changed.wait(), self._next_event(group), self._clock.sleep_ms(most_ms))
        tasks = [asyncio.ensure_future(reason) for reason in reasons]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
