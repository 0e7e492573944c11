"""A poll loop with a queue, a core that does as it is told, and time that jumps."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, cast

from shared.memory.queue import MemoryQueue
from shared.ports import EventQueue, Message, Outgoing
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from tests.simulation.virtual import Process, VirtualLoop
from tests.unit.worker.commit.rig import Scripted
from worker.commit.consumer import Consumer
from worker.commit.processor import Action, Disposition, Processor

SETTINGS = Settings(worker_receivers=1, visibility_seconds=30)
DONE = Disposition(action=Action.DELETE)
AGAIN = Disposition(action=Action.RETRY, delay_seconds=5)
LEFT = Disposition(action=Action.LEAVE, delay_seconds=5, reason="unreadable")

GiveUp = Callable[[], bool]
EventCommit = Callable[[Sequence[Message], GiveUp], Awaitable[list[Disposition]]]


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a loop whose time jumps, so that it may wait for minutes."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        loop = VirtualLoop()
        try:
            loop.run_until_complete(asyncio.wait_for(test(*args, **kwargs), 3600))
        finally:
            loop.close()

    return run


class Core:
    """Stands in for the processor: remembers its messages, and does with them what the test says."""

    def __init__(self, commit: EventCommit) -> None:
        self._work = commit
        self.seen: list[Message] = []
        self.batches = 0

    async def process(self, messages: Sequence[Message], *, give_up: GiveUp) -> list[Disposition]:
        self.seen += messages
        self.batches += 1
        return await self._work(messages, give_up)


class Rig:
    """A consumer, its queue and its core."""

    def __init__(self, commit: EventCommit, settings: Settings = SETTINGS) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = Process(self.loop)
        self.dlq = MemoryQueue(self.clock)
        self.queue = MemoryQueue(self.clock, dlq=self.dlq, max_receives=settings.max_receives)
        self.wire = Scripted(self.queue)
        self.core = Core(commit)
        self.stop = asyncio.Event()
        self.metrics = Metrics()
        self.consumer = Consumer(
            queue=cast("EventQueue", self.wire),
            processor=cast("Processor", self.core),
            clock=self.clock,
            settings=settings,
            metrics=self.metrics,
        )
        self.running = asyncio.create_task(self.consumer.run(self.stop))

    async def send(self, *bodies: str) -> None:
        await self.queue.send([Outgoing(body=body, attributes={"traceparent": "00-1-2-01"}) for body in bodies])

    async def finish(self) -> None:
        self.stop.set()
        await self.running


def gives(*dispositions: Disposition) -> EventCommit:
    """A core that gives these verdicts in turn, and the last one from then on."""
    left = list(dispositions)

    async def commit(messages: Sequence[Message], _: GiveUp) -> list[Disposition]:
        return [left.pop(0) if len(left) > 1 else left[0] for _ in messages]

    return commit


def takes(seconds: float, then: Disposition = DONE) -> EventCommit:
    async def commit(messages: Sequence[Message], _: GiveUp) -> list[Disposition]:
        await asyncio.sleep(seconds)
        return [then] * len(messages)

    return commit
