"""What a worker stands on: clients, queues, store and core, put together in one place for both consumers."""

import sys
from contextlib import AsyncExitStack
from typing import Self

from shared.aws import layout
from shared.aws.clients import Aws
from shared.aws.event_store import DynamoStore
from shared.aws.s3 import S3Bodies
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.model.position import Minter
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules
from worker.commit.processor import Processor

# Bodies are never deep enough to matter to ingest (MAX_DATA_DEPTH), but a pack nests them some levels deeper.
_RECURSION_LIMIT = 4000


class Runtime:
    """One process's clients and what is made of them, each opened when first asked for, then kept.

    An opening that failed leaves nothing behind and may be tried again. Use as an async context manager, or
    not, where the process is never told that it ends. Not for several tasks at once.
    """

    def __init__(self, settings: Settings, metrics: Metrics | None = None) -> None:
        sys.setrecursionlimit(max(_RECURSION_LIMIT, sys.getrecursionlimit()))
        self.clock = SystemClock()
        self.settings = settings
        self.metrics = metrics or Metrics()
        self._aws = Aws(settings)
        self._opened = AsyncExitStack()
        self._queue: SqsQueue | None = None
        self._dlq: SqsQueue | None = None
        self._processor: Processor | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._opened.aclose()

    async def queue(self) -> SqsQueue:
        """Return the queue of packs; raise `Unavailable` if there is none or SQS does not answer."""
        if self._queue is None:
            async with AsyncExitStack() as opening:
                self._queue = await self._open_queue(opening, self.settings.queue_name)
                self._opened.push_async_exit(opening.pop_all())
        return self._queue

    async def dlq(self) -> SqsQueue:
        """Return the queue of what can't be stored; raise `Unavailable` if there is none or SQS does not answer."""
        if self._dlq is None:
            async with AsyncExitStack() as opening:
                self._dlq = await self._open_queue(opening, self.settings.dlq_name)
                self._opened.push_async_exit(opening.pop_all())
        return self._dlq

    async def processor(self) -> Processor:
        """Return the core.

        Raises `Unavailable` if the table or the DLQ does not answer, `InvalidSettings` if the table was made
        with other settings.
        """
        if self._processor is None:
            async with AsyncExitStack() as opening:
                self._processor = await self._open_processor(opening)
                self._opened.push_async_exit(opening.pop_all())
        return self._processor

    async def _open_queue(self, opening: AsyncExitStack, name: str) -> SqsQueue:
        sqs = await opening.enter_async_context(self._aws.sqs())
        polling = await opening.enter_async_context(self._aws.sqs_polling())
        return await SqsQueue.open(sqs, polling, name)

    async def _open_processor(self, opening: AsyncExitStack) -> Processor:
        settings, clock = self.settings, self.clock
        dynamodb = await opening.enter_async_context(self._aws.dynamodb_once())
        s3 = await opening.enter_async_context(self._aws.s3())
        await layout.claim(dynamodb, settings)
        return Processor(
            store=DynamoStore(dynamodb, settings, clock),
            bodies=S3Bodies(s3, settings.bodies_bucket),
            dead_letters=DeadLetters(
                await self.dlq(), clock, per_minute=settings.dead_letters_per_minute, metrics=self.metrics
            ),
            rules=CommitRules(clock=clock, minter=Minter(clock), settings=settings),
            metrics=self.metrics,
        )
