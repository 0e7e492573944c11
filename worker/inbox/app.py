"""The inbox as an HTTP app. It reads; its credentials can't write the events table."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from litestar import Litestar

from shared.aws import layout
from shared.aws.clients import Aws
from shared.aws.event_reader import DynamoReader
from shared.aws.s3 import S3Bodies
from shared.clock import Clock, SystemClock
from shared.model.errors import InvalidSettings, Unavailable
from shared.ports import BodyStore, EventReader, KeyStore
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import Part, build_app
from worker.inbox.handlers import event_handler, inbox_handler
from worker.inbox.lookup import Lookup
from worker.inbox.reader import Inbox

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient

_log = logging.getLogger("triggers.inbox")


def create_app(
    settings: Settings,
    *,
    store: EventReader | None = None,
    bodies: BodyStore | None = None,
    keys: KeyStore | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
) -> Litestar:
    """Return an app that serves the inbox alone. What is not given is opened on AWS when it starts."""
    metrics = metrics or Metrics()
    inbox = part(settings, store=store, bodies=bodies, clock=clock, metrics=metrics)
    return build_app(settings, [inbox], keys=keys, clock=clock, metrics=metrics)


def part(
    settings: Settings,
    *,
    store: EventReader | None = None,
    bodies: BodyStore | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
) -> Part:
    """Return the inbox as a part of an app. What is not given is opened on AWS when the app starts."""
    served = _Served(settings, store, bodies, clock or SystemClock(), metrics or Metrics())
    return Part(
        name="inbox",
        handlers=[inbox_handler(served.inbox), event_handler(served.lookup)],
        lifespan=served.lifespan,
        ready=served.ready,
        stop=served.stop,
    )


class _Served:
    """The inbox of one app, there while the app runs."""

    def __init__(
        self,
        settings: Settings,
        store: EventReader | None,
        bodies: BodyStore | None,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._store = store
        self._bodies = bodies
        self._clock = clock
        self._metrics = metrics
        self._open: tuple[Inbox, Lookup] | None = None

    def inbox(self) -> Inbox:
        """Return the inbox; raises `Unavailable` before the app has started and after it has ended."""
        return self._opened()[0]

    def lookup(self) -> Lookup:
        """Return what finds single events; raises `Unavailable` as `inbox` does."""
        return self._opened()[1]

    async def ready(self) -> None:
        """Return if the table answers; raise `Unavailable` if it does not."""
        await self.inbox().ready()

    def stop(self) -> None:
        """Answer who waits."""
        if self._open is not None:
            self._open[0].stop_waiting()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open what was not given; raise `InvalidSettings` if the table was made with another number of shards."""
        aws = Aws(self._settings)
        async with AsyncExitStack() as stack:
            store, bodies = self._store, self._bodies
            if store is None:
                client = await stack.enter_async_context(aws.dynamodb())
                await self._check_shards(client)
                store = DynamoReader(client, self._settings, self._clock)
            if bodies is None:
                s3 = await stack.enter_async_context(aws.s3())
                bodies = S3Bodies(s3, self._settings.bodies_bucket)
            inbox = Inbox(store, bodies, self._clock, self._settings, self._metrics)
            stack.push_async_callback(inbox.aclose)
            self._open = inbox, Lookup(store, bodies, self._clock)
            try:
                yield
            finally:
                self._open = None

    def _opened(self) -> tuple[Inbox, Lookup]:
        if self._open is None:
            raise Unavailable("the process is still starting")
        return self._open

    async def _check_shards(self, client: "DynamoDBClient") -> None:
        try:
            await layout.check(client, self._settings)
        except InvalidSettings as error:
            # By the time that the server reports why it can't start, the reason is wrapped in groups.
            _log.critical("the settings do not fit the table", extra={"faults": error.faults})
            raise
