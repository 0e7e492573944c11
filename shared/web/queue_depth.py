"""The depth of the queue from an API process: workers report it too, but not when all of them are dead."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from shared.clock import SystemClock
from shared.ports import Backend
from shared.telemetry.catalog import Metrics
from shared.telemetry.queue_depth import sampling
from shared.web.app import Part


def watching_queue(part: Part, metrics: Metrics) -> Part:
    """Return `part` with a lifespan that also samples the depth of the queue of packs."""

    @asynccontextmanager
    async def lifespan(backend: Backend) -> AsyncIterator[None]:
        queues = {"events": await backend.queue_sender()}
        async with part.lifespan(backend), sampling(queues, metrics, SystemClock()):
            yield

    return replace(part, lifespan=lifespan)
