"""Workers that fail: polling workers that are killed, stall, or are stopped by a deploy, and Lambda functions."""

import asyncio
import contextlib

from shared.ports import EventQueue
from shared.telemetry.catalog import Metrics
from tests.simulation.settings import AGES_MS, SETTINGS, near
from tests.simulation.virtual import Process
from tests.simulation.world import World
from worker.commit.consumer import Consumer
from worker.commit.lambda_handler import LambdaWorker
from worker.commit.processor import Processor

_STOP_SECONDS = 30
"""From the signal that stops a worker until it is killed, as on ECS and Kubernetes."""

_INVOCATION_SECONDS = 60
_VISIBILITY_SECONDS = 6 * _INVOCATION_SECONDS
_BATCH = 10


async def keep_worker_running(world: World) -> None:
    """Run a worker; when it dies, start another in its place."""
    rng, profile = world.rng, world.profile
    while not world.stop.is_set():
        process, stop, may_be_older = world.process(), asyncio.Event(), profile.versions and world.has_faults
        worker = asyncio.create_task(_work(world, process, stop))
        while world.has_faults and not worker.done():
            await asyncio.sleep(rng.expovariate(1.0))
            if profile.stalls and rng.random() < 0.3:
                process.stall(_stall_seconds(world))
            if profile.crashes and rng.random() < 0.3:
                await kill(process, worker)
            if profile.deploys and rng.random() < 0.15:
                await _shut_down(world, process, worker, stop)
        if not may_be_older:
            await _until(world.stop, worker)
        stop.set()
        with contextlib.suppress(asyncio.CancelledError):
            await worker


async def keep_function_running(world: World) -> None:
    """Poll the queue as Lambda does, and invoke one sandbox after another."""
    rng, profile = world.rng, world.profile
    while not world.stop.is_set():
        process = world.process()
        function = _function(world, process)
        while not (world.stop.is_set() or process.is_dead):
            await _invoke(world, process, function)
            if world.has_faults:
                process.stall(rng.choice((0.0, 0.01, _stall_seconds(world))))  # frozen until the next invocation
                if profile.crashes and rng.random() < 0.2:
                    process.is_dead = True


async def kill(process: Process, worker: "asyncio.Task[None]") -> None:
    """Kill a process as the kernel does: nothing of it runs any more, not even its clean-up."""
    process.is_dead = True
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker


async def _work(world: World, process: Process, stop: asyncio.Event) -> None:
    """Run the real worker in `process` until `stop` is set."""
    settings = world.settings()
    await Consumer(
        queue=world.queue_of(process, settings),
        processor=world.processor(process, settings),
        clock=process,
        settings=settings,
        service_time=process.service_time,
    ).run(stop)


async def _shut_down(world: World, process: Process, worker: "asyncio.Task[None]", stop: asyncio.Event) -> None:
    """Stop a worker as a deploy does. It must end in time."""
    stop.set()
    await asyncio.wait({worker}, timeout=_STOP_SECONDS)
    if not worker.done():
        if world.profile.keeps_dlq_empty:
            world.violations.append(f"a stopped worker runs for more than {_STOP_SECONDS} s")
        await kill(process, worker)


async def _until(stop: asyncio.Event, worker: "asyncio.Task[None]") -> None:
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, worker}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()


def _function(world: World, process: Process) -> LambdaWorker:
    settings = world.settings()
    queue, processor = world.queue_of(process, settings), world.processor(process, settings)

    async def open_queue() -> EventQueue:
        return queue

    async def open_processor() -> Processor:
        return processor

    return LambdaWorker(
        queue=open_queue, processor=open_processor, clock=process, settings=settings, metrics=Metrics(scraped=False)
    )


async def _invoke(world: World, process: Process, function: LambdaWorker) -> None:
    """Receive a batch, invoke the function, and delete what it does not report as failed."""
    messages = await world.queue.receive(limit=_BATCH, wait_seconds=2, visibility_seconds=_VISIBILITY_SECONDS)
    if not messages:
        return
    invocation = asyncio.create_task(function.handle(messages, _INVOCATION_SECONDS * 1000))
    killed_after = _INVOCATION_SECONDS * 1.0
    if world.has_faults and world.profile.crashes and world.rng.random() < 0.1:
        killed_after = world.rng.expovariate(1.0)
    await asyncio.wait({invocation}, timeout=killed_after)
    if not invocation.done():
        if world.profile.keeps_dlq_empty:
            world.violations.append(f"an invocation runs for more than {_INVOCATION_SECONDS} s")
        process.is_dead = True
        invocation.cancel()
    done = set()
    with contextlib.suppress(asyncio.CancelledError):
        done = await invocation
    with contextlib.suppress(Exception):
        await world.queue.delete([message for message in messages if message.id in done])


def _stall_seconds(world: World) -> float:
    rng = world.rng
    longest_ms = int(1000 * rng.choice((0.3, 0.9, 1.5, 4.0, 1.5 * SETTINGS.visibility_seconds)))
    return near(rng, AGES_MS, longest_ms) / 1000
