"""Consumer groups as an HTTP app. It reads events and bodies, writes the groups alone, and sends acks to the queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from shared.clock import Clock, SystemClock
from shared.ports import Backend
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import Part, build_app
from shared.web.lifespan import WhileServing
from worker.groups import group_handlers, lease_handlers
from worker.groups.groups import Groups
from worker.groups.removal import Removals
from worker.reading.opening import open_reader


def part(settings: Settings, *, clock: Clock | None = None, metrics: Metrics | None = None) -> Part:
    """Return consumer groups as a component of an app."""
    clock, metrics = clock or SystemClock(), metrics or Metrics()
    groups, removals = WhileServing[Groups](), WhileServing[Removals]()

    @asynccontextmanager
    async def lifespan(backend: Backend) -> AsyncIterator[None]:
        reader, bodies = await open_reader(backend), await backend.bodies()
        opened = Groups(
            await backend.groups(),
            reader,
            bodies,
            clock,
            settings,
            metrics=metrics,
            service_time=backend.service_time,
        )
        queue = Removals(await backend.queue_sender(), clock, settings)
        with groups.holding(opened), removals.holding(queue):
            try:
                yield
            finally:
                await opened.aclose()

    async def ready() -> None:
        await groups().ready()

    def stop() -> None:
        if groups.held is not None:
            groups.held.stop_waiting()

    return Part(
        name="groups",
        handlers=[*lease_handlers.handlers(groups, removals), *group_handlers.handlers(groups)],
        lifespan=lifespan,
        ready=ready,
        stop=stop,
    )


def create_app(
    settings: Settings, *, backend: Backend | None = None, clock: Clock | None = None, metrics: Metrics | None = None
) -> Litestar:
    """Return an app that serves only consumer groups."""
    metrics = metrics or Metrics()
    parts = [part(settings, clock=clock, metrics=metrics)]
    return build_app(settings, parts, backend=backend, clock=clock, metrics=metrics)
