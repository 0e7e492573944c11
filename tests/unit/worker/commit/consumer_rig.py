"""A consumer with a queue, a scripted processor and virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from shared.memory.queue import MemoryQueue
from shared.ports import EventQueue, Message, Outgoing
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from tests.fakes.scripted import Scripted
from tests.simulation.virtual import Process
from worker.commit.consumer import Consumer
from worker.commit.processor import Action, Disposition, Processor

SETTINGS = Settings(worker_receivers=1, visibility_seconds=30)
DONE = Disposition(action=Action.DELETE)
AGAIN = Disposition(action=Action.RETRY, delay_seconds=5)
LEFT = Disposition(action=Action.LEAVE, delay_seconds=5, reason="unreadable")

GiveUp = Callable[[], bool]
ProcessMessages = Callable[[Sequence[Message], GiveUp], Awaitable[list[Disposition]]]


class Core:
    """A fake processor: records its messages, and processes them as the test says."""

    def __init__(self, process: ProcessMessages) -> None:
        self._process = process
        self.seen: list[Message] = []
        self.batches = 0

    async def process(self, messages: Sequence[Message], *, give_up: GiveUp) -> list[Disposition]:
        self.seen += messages
        self.batches += 1
        return await self._process(messages, give_up)


class Rig:
    """A consumer, its queue and its core."""

    def __init__(self, process: ProcessMessages, settings: Settings = SETTINGS) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = Process(self.loop)
        self.dlq = MemoryQueue(self.clock)
        self.queue = MemoryQueue(self.clock, dlq=self.dlq, max_receives=settings.max_receives)
        self.wire = Scripted(self.queue)
        self.core = Core(process)
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


def gives(*dispositions: Disposition) -> ProcessMessages:
    """Return a function that gives these dispositions in turn, and repeats the last one."""
    remaining = list(dispositions)

    async def commit(messages: Sequence[Message], _: GiveUp) -> list[Disposition]:
        return [remaining.pop(0) if len(remaining) > 1 else remaining[0] for _ in messages]

    return commit


def takes(seconds: float, then: Disposition = DONE) -> ProcessMessages:
    async def commit(messages: Sequence[Message], _: GiveUp) -> list[Disposition]:
        await asyncio.sleep(seconds)
        return [then] * len(messages)

    return commit
