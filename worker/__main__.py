"""The long-running worker, put together for one process."""

import asyncio
from contextlib import AsyncExitStack

from shared.settings import Settings
from shared.telemetry.prometheus import listening
from shared.telemetry.queue_depth import sampling
from worker.commit.consumer import Consumer
from worker.runtime import Runtime


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then drain. Raises `Unavailable` if a queue or table does not answer at start."""
    async with Runtime(settings) as runtime, AsyncExitStack() as stack:
        processor, queue, metrics = await runtime.processor(), await runtime.queue(), runtime.metrics
        consumer = Consumer(queue=queue, processor=processor, clock=runtime.clock, settings=settings, metrics=metrics)
        if settings.metrics_port:
            stack.enter_context(listening(metrics, settings))
            queues = {"events": queue, "dlq": await runtime.dlq()}
            await stack.enter_async_context(sampling(queues, metrics, runtime.clock))
        await consumer.run(stop)
