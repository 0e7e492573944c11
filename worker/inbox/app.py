"""The inbox as an HTTP app. It reads; its credentials can't write the events table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from shared.clock import Clock, SystemClock
from shared.ports import Backend, EventReader
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import Part, build_app
from shared.web.lifespan import WhileServing
from worker.inbox.handlers import event_handler, inbox_handler
from worker.inbox.listing import inboxes_handler
from worker.inbox.lookup import Lookup
from worker.inbox.reader import Inbox
from worker.reading.opening import open_reader


def part(settings: Settings, *, clock: Clock | None = None, metrics: Metrics | None = None) -> Part:
    """Return the inbox as a component of an app."""
    clock, metrics = clock or SystemClock(), metrics or Metrics()
    inbox, lookup, events = WhileServing[Inbox](), WhileServing[Lookup](), WhileServing[EventReader]()

    @asynccontextmanager
    async def lifespan(backend: Backend) -> AsyncIterator[None]:
        reader, bodies = await open_reader(backend), await backend.bodies()
        opened = Inbox(reader, bodies, clock, settings, metrics, service_time=backend.service_time)
        with inbox.holding(opened), lookup.holding(Lookup(reader, bodies, clock)), events.holding(reader):
            try:
                yield
            finally:
                await opened.aclose()

    async def ready() -> None:
        await inbox().ready()

    def stop() -> None:
        if inbox.held is not None:
            inbox.held.stop_waiting()

    return Part(
        name="inbox",
        handlers=[inbox_handler(inbox), event_handler(lookup), inboxes_handler(events)],
        lifespan=lifespan,
        ready=ready,
        stop=stop,
    )


def create_app(
    settings: Settings, *, backend: Backend | None = None, clock: Clock | None = None, metrics: Metrics | None = None
) -> Litestar:
    """Return an app that serves only the inbox."""
    metrics = metrics or Metrics()
    parts = [part(settings, clock=clock, metrics=metrics)]
    return build_app(settings, parts, backend=backend, clock=clock, metrics=metrics)
