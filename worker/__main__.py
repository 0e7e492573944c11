"""`python -m worker`: the long-running worker, until SIGTERM or Ctrl-C."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack

import uvloop

from shared import process, settings
from shared.backend import connect
from shared.clock import SystemClock
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.telemetry.prometheus import listening
from shared.telemetry.queue_depth import sampling
from worker.commit.consumer import Consumer
from worker.runtime import open_processor


def main() -> None:
    """Run the worker that the environment configures. Raises `InvalidSettings` and `Unavailable` as `run` does."""
    loaded = settings.load(os.environ)
    process.set_up(loaded, "triggers-worker", os.environ)
    uvloop.run(_run_until_signal(loaded))


async def _run_until_signal(loaded: Settings) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(loaded, stop)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop` is set, then drain. Raises `Unavailable` if a queue or table does not answer at startup."""
    clock, metrics = SystemClock(), Metrics()
    backend = connect(settings, clock)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(backend.aclose)
        processor, queue = await open_processor(backend, settings, clock, metrics), await backend.queue()
        consumer = Consumer(
            queue=queue,
            processor=processor,
            clock=clock,
            settings=settings,
            metrics=metrics,
            service_time=backend.service_time,
        )
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


if __name__ == "__main__":
    main()
