"""SQS: receives whose answer is lost, deletes that fail in part or are forgotten, and messages that are too old."""

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import msgspec

from shared.clock import Clock
from shared.memory.queue import MemoryQueue
from shared.model.errors import Unavailable
from shared.ports import EventQueue, Message
from tests.simulation.virtual import Process
from tests.simulation.wire import Wire

_FORGOTTEN_SECONDS = 5


class QueueFaults(msgspec.Struct, frozen=True, kw_only=True):
    """The probabilities of faults that only a queue has, and how long it keeps a message."""

    lost_receive: float = 0.0  # the messages stay invisible, although no worker has them
    undeleted: float = 0.0  # of one message of a call, which says so
    forgotten: float = 0.0  # of one deleted message, which is delivered once more
    retention_seconds: int = 14 * 86_400


class SimulatedQueue(MemoryQueue):
    """A queue with faults. `too_old` counts the messages that it has dropped."""

    def __init__(self, clock: Clock, rng: random.Random, dlq: MemoryQueue, *, max_receives: int) -> None:
        super().__init__(clock, dlq=dlq, max_receives=max_receives, shuffle=rng.shuffle)
        self.faults = QueueFaults()
        self.too_old = 0
        self._rng = rng

    async def delete(self, messages: Sequence[Message]) -> None:
        failed = [message for message in messages if self._rng.random() < self.faults.undeleted]
        held = {message.id: self._held.get(message.id) for message in messages}
        await super().delete([message for message in messages if message not in failed])
        for id_, one in held.items():
            if one is not None and id_ not in self._held and self._rng.random() < self.faults.forgotten:
                one.visible_at = self._clock.monotonic_ms() + 1000 * self._rng.randint(0, _FORGOTTEN_SECONDS)
                self._held[id_] = one
        if failed:
            raise Unavailable("some messages were not deleted")

    def _receive(self, limit: int, visibility_seconds: int) -> list[Message]:
        oldest = self._clock.wall_ms() - self.faults.retention_seconds * 1000
        for id_, held in list(self._held.items()):
            if held.sent_at < oldest:
                del self._held[id_]
                self.too_old += 1
        return super()._receive(limit, visibility_seconds)


class _WiredQueue:
    """A queue with every call through a wire, except that `receive` waits at the queue."""

    def __init__(self, queue: MemoryQueue, wire: Wire, process: Process) -> None:
        self._queue = queue
        self._wire = wire
        self._process = process

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        await self._process.awake()
        received = await self._queue.receive(
            limit=limit, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds
        )
        await self._process.awake()
        return received

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._queue, name)
        return lambda *args, **kwargs: self._wire.call(lambda: method(*args, **kwargs), in_parts=name == "send")


class _LossyQueue(_WiredQueue):
    """A queue whose receives may lose their answer."""

    def __init__(self, queue: SimulatedQueue, wire: Wire, process: Process, rng: random.Random) -> None:
        super().__init__(queue, wire, process)
        self._rng = rng
        self._faults = queue

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        received = await super().receive(limit=limit, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)
        if received and self._rng.random() < self._faults.faults.lost_receive:
            raise Unavailable("the answer was lost")
        return received


def wired_queue(queue: MemoryQueue, wire: Wire, process: Process) -> EventQueue:
    """Return `queue` as a process sees it."""
    return cast("EventQueue", _WiredQueue(queue, wire, process))


def lossy_queue(queue: SimulatedQueue, wire: Wire, process: Process, rng: random.Random) -> EventQueue:
    """Return `queue` as a process sees it, with the faults of its receives."""
    return cast("EventQueue", _LossyQueue(queue, wire, process, rng))
