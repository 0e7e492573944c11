"""The ingest app's composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from ingest import acks, deletes, events
from ingest.publisher import Publisher
from shared.clock import Clock, SystemClock
from shared.ports import Backend
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import Part, build_app
from shared.web.lifespan import WhileServing


def part(settings: Settings, *, clock: Clock | None = None, metrics: Metrics | None = None) -> Part:
    """Return ingest as one part of an app."""
    clock, metrics = clock or SystemClock(), metrics or Metrics()
    publisher = WhileServing[Publisher]()

    @asynccontextmanager
    async def lifespan(backend: Backend) -> AsyncIterator[None]:
        """Open the queue; send pending packs before closing it."""
        opened = Publisher(await backend.queue_sender(), settings, clock, metrics)
        with publisher.holding(opened):
            try:
                yield
            finally:
                await opened.aclose()

    async def ready() -> None:
        await publisher().ready()

    posts = events.Events(publisher, clock, metrics, settings.max_posts)
    return Part(
        name="ingest",
        handlers=[events.handler(posts), *(make.handler(publisher, clock) for make in (acks, deletes))],
        routes={("POST", events.PATH): posts},
        lifespan=lifespan,
        ready=ready,
    )


def create_app(
    settings: Settings, *, backend: Backend | None = None, clock: Clock | None = None, metrics: Metrics | None = None
) -> Litestar:
    """Return an app that serves only ingest."""
    metrics = metrics or Metrics()
    parts = [part(settings, clock=clock, metrics=metrics)]
    return build_app(settings, parts, backend=backend, clock=clock, metrics=metrics)
