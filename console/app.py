"""The console's composition root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from litestar import Litestar

from console import handlers, page
from console.queues import Pair, Queues
from shared.aws.clients import Aws
from shared.aws.sqs import SqsQueue
from shared.clock import Clock, SystemClock
from shared.model.errors import Unavailable
from shared.ports import KeyStore
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import Part, build_app

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_sqs import SQSClient


class _Console:
    """What the handlers need, while the process serves.

    The queues are looked for at the first request: whoever lacks the right to see the DLQ, or has none, can do without
    the console, but not without what is served beside it.
    """

    def __init__(self, settings: Settings, clock: Clock, pair: Pair | None) -> None:
        self._settings = settings
        self._clock = clock
        self._given = pair
        self._clients: tuple[SQSClient, SQSClient] | None = None
        self._queues: Queues | None = None
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Make clients, unless the queues were given."""
        async with AsyncExitStack() as stack:
            if self._given is None:
                aws = Aws(self._settings)
                sending = await stack.enter_async_context(aws.sqs())
                self._clients = sending, await stack.enter_async_context(aws.sqs_polling())
            try:
                yield
            finally:
                queues, self._queues, self._clients = self._queues, None, None
                if queues is not None:
                    await queues.aclose()

    async def ready(self) -> None:
        """Return: requests for events do not depend on the console."""

    async def queues(self) -> Queues:
        """Return the queues; raise `Unavailable` if they are not found."""
        async with self._one_at_a_time:
            if self._queues is None:
                self._queues = Queues(self._given or await self._open(), self._settings, self._clock)
            return self._queues

    async def _open(self) -> Pair:
        if self._clients is None:
            raise Unavailable("the process is still starting")
        names = self._settings.queue_name, self._settings.dlq_name
        return Pair(*[await SqsQueue.open(*self._clients, name) for name in names])


def part(settings: Settings, *, pair: Pair | None = None, clock: Clock | None = None) -> Part:
    """Return the console as a part of an app."""
    console = _Console(settings, clock or SystemClock(), pair)
    return Part(
        name="console",
        handlers=[*page.handlers(settings.api_title), *handlers.handlers(console.queues)],
        lifespan=console.lifespan,
        ready=console.ready,
    )


def create_app(
    settings: Settings,
    *,
    pair: Pair | None = None,
    keys: KeyStore | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
) -> Litestar:
    """Return an app that serves the console alone. What is not given is AWS's and the system's."""
    return build_app(settings, [part(settings, pair=pair, clock=clock)], keys=keys, clock=clock, metrics=metrics)
