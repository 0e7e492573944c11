"""The ingest app's composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from ingest import acks, deletes, deliveries, events
from ingest.load_shedding import LoadShedder
from ingest.publisher import Publisher
from ingest.sources.registry import SourceRegistry
from shared.clock import Clock, SystemClock
from shared.ports import Backend
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import Part, build_app
from shared.web.lifespan import WhileServing


def part(settings: Settings, *, clock: Clock | None = None, metrics: Metrics | None = None) -> Part:
    """Return ingest as one part of an app."""
    clock, metrics = clock or SystemClock(), metrics or Metrics()
    publisher, sources = WhileServing[Publisher](), WhileServing[SourceRegistry]()

    @asynccontextmanager
    async def lifespan(backend: Backend) -> AsyncIterator[None]:
        """Open the queue and the sources; send pending packs before closing them."""
        opened = Publisher(await backend.queue_sender(), settings, clock, metrics)
        registry = SourceRegistry(
            await backend.sources(), await backend.secret_box(), clock, cache_seconds=settings.key_cache_seconds
        )
        with publisher.holding(opened), sources.holding(registry):
            try:
                yield
            finally:
                await registry.aclose()
                await opened.aclose()

    async def ready() -> None:
        await publisher().ready()

    load_shedder = LoadShedder(clock, metrics, settings.max_posts)
    posts = events.Events(publisher, load_shedder, clock, metrics)
    webhooks = deliveries.Deliveries(sources, publisher, load_shedder, clock, metrics, public_url=settings.public_url)
    return Part(
        name="ingest",
        handlers=[
            events.handler(posts),
            deliveries.handler(),
            *(make.handler(publisher, clock) for make in (acks, deletes)),
        ],
        routes={
            ("POST", events.PATH): posts,
            **{(method, deliveries.PATH): webhooks for method in deliveries.METHODS},
        },
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
