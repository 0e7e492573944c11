"""The worker's composition root: clients, queue, store and processor, put together for one process."""

import asyncio
import sys
from contextlib import AsyncExitStack

from shared import shards
from shared.aws import Aws
from shared.bodies import S3Bodies
from shared.clock import SystemClock
from shared.position import Minter
from shared.queue import SqsQueue
from shared.settings import Settings
from shared.store import DynamoStore
from worker.consumer import Consumer
from worker.dead_letters import DeadLetters
from worker.process import Processor
from worker.work import Protocol

# Bodies are never deep enough to matter to ingest (MAX_DATA_DEPTH), but a pack nests them some levels deeper.
_RECURSION_LIMIT = 4000


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then drain. Raises `Unavailable` if a queue or table does not answer at start."""
    sys.setrecursionlimit(max(_RECURSION_LIMIT, sys.getrecursionlimit()))
    clock = SystemClock()
    aws = Aws(settings)
    async with AsyncExitStack() as stack:
        sqs = await stack.enter_async_context(aws.sqs())
        polling = await stack.enter_async_context(aws.sqs_polling())
        dynamodb = await stack.enter_async_context(aws.dynamodb_once())
        s3 = await stack.enter_async_context(aws.s3())
        await shards.claim(dynamodb, settings)
        dlq = await SqsQueue.open(sqs, polling, settings.dlq_name)
        processor = Processor(
            store=DynamoStore(dynamodb, settings, clock),
            bodies=S3Bodies(s3, settings.bodies_bucket),
            dead_letters=DeadLetters(dlq, clock, per_minute=settings.dead_letters_per_minute),
            protocol=Protocol(clock=clock, minter=Minter(clock), settings=settings),
        )
        queue = await SqsQueue.open(sqs, polling, settings.queue_name)
        await Consumer(queue=queue, processor=processor, clock=clock, settings=settings).run(stop)
