"""Assembles and runs the long-running worker."""

import asyncio
from contextlib import AsyncExitStack

from shared.backend import connect
from shared.clock import SystemClock
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.telemetry.prometheus import listening
from shared.telemetry.queue_depth import sampling
from worker.commit.consumer import Consumer
from worker.runtime import open_processor


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop` is set, then drain. Raises `Unavailable` if a queue or table does not answer at startup."""
    clock, metrics = SystemClock(), Metrics()
    backend = connect(settings, clock)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(backend.aclose)
        processor, queue = await open_processor(backend, settings, clock, metrics), await backend.queue()
        consumer = Consumer(queue=queue, processor=processor, clock=clock, settings=settings, metrics=metrics)
        if settings.metrics_port:
            stack.enter_context(listening(metrics, settings))
            queues = {"events": queue, "dlq": await backend.dlq()}
            await stack.enter_async_context(sampling(queues, metrics, clock))
        maintenance = asyncio.create_task(backend.maintain())
        try:
            await consumer.run(stop)
        finally:
            maintenance.cancel()
            await asyncio.gather(maintenance, return_exceptions=True)
