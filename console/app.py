"""The console's composition root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from console import handlers, page
from console.queues import OperatorQueues, QueuePair
from shared.clock import Clock, SystemClock
from shared.ports import Backend
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import Part, build_app
from shared.web.lifespan import WhileServing


class _Console:
    """Opens the queues at the first request that needs them.

    A process without permission to use the DLQ can't serve the console, but must serve the other parts.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._backend = WhileServing[Backend]()
        self._queues: OperatorQueues | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def lifespan(self, backend: Backend) -> AsyncIterator[None]:
        """Provide the backend while the context is open; then close the queues if they were opened."""
        with self._backend.holding(backend):
            try:
                yield
            finally:
                queues, self._queues = self._queues, None
                if queues is not None:
                    await queues.aclose()

    async def ready(self) -> None:
        """Return immediately, because requests for events do not depend on the console."""

    async def queues(self) -> OperatorQueues:
        """Return the queues, opened at the first call; raise `Unavailable` if they are not found."""
        async with self._opening:
            if self._queues is None:
                backend = self._backend()
                pair = QueuePair(await backend.queue(), await backend.dlq())
                self._queues = OperatorQueues(pair, self._settings, self._clock)
            return self._queues


def part(settings: Settings, *, clock: Clock | None = None) -> Part:
    """Return the console as one part of an app."""
    console = _Console(settings, clock or SystemClock())
    return Part(
        name="console",
        handlers=[*page.handlers(settings.api_title), *handlers.handlers(console.queues)],
        lifespan=console.lifespan,
        ready=console.ready,
    )


def create_app(
    settings: Settings, *, backend: Backend | None = None, clock: Clock | None = None, metrics: Metrics | None = None
) -> Litestar:
    """Return an app that serves only the console."""
    return build_app(settings, [part(settings, clock=clock)], backend=backend, clock=clock, metrics=metrics)
