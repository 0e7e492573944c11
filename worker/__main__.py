"""The long-running worker, put together for one process."""

import asyncio

from shared.settings import Settings
from worker.consumer import Consumer
from worker.runtime import Runtime


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then drain. Raises `Unavailable` if a queue or table does not answer at start."""
    async with Runtime(settings) as runtime:
        processor, queue = await runtime.processor(), await runtime.queue()
        await Consumer(queue=queue, processor=processor, clock=runtime.clock, settings=settings).run(stop)
