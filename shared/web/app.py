"""Composes an HTTP app from parts: ingest alone, the inbox alone, or several in one process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import msgspec
from litestar import Litestar
from litestar.datastructures import State
from litestar.types import ControllerRouterHandler

from shared.backend import connect
from shared.clock import Clock, SystemClock
from shared.model.event import MAX_REQUEST_BYTES
from shared.ports import Backend
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web import auth, docs, event_path, health, own_key
from shared.web import metrics as scraping
from shared.web.auth import Access
from shared.web.context import Observer
from shared.web.cors import cors
from shared.web.problems import EXCEPTION_HANDLERS
from shared.web.routing import Router, Routes, headed, options_handlers
from shared.web.tracing import traced

_STOP_KEY = "triggers_stop"


def _nothing() -> None:
    pass


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One app's share of a process.

    `lifespan` returns a context manager that opens the ports of the handlers. `ready` returns if they respond, and
    raises `Unavailable` if not. `stop` ends all waits of requests. `routes` are handlers that bypass Litestar's router.
    """

    name: str
    handlers: Sequence[ControllerRouterHandler]
    lifespan: Callable[[Backend], AbstractAsyncContextManager[None]]
    ready: Callable[[], Awaitable[None]]
    stop: Callable[[], None] = _nothing
    routes: Routes = {}


def build_app(
    settings: Settings,
    parts: Sequence[Part],
    *,
    backend: Backend | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
) -> Litestar:
    """Return the app that serves all `parts`. Without `backend`, it connects to the one that `settings` name.

    All parts share one `Access`, so a key is verified and limited once per process. Nothing is opened until the
    lifespan starts; it closes everything in reverse order. `metrics` are those of the parts, served at `/metrics`
    unless METRICS_PORT is set.
    """
    clock, metrics = clock or SystemClock(), metrics or Metrics()
    access = Access(settings, clock, metrics)
    readiness = health.Readiness({"keys": access.ready, **{part.name: part.ready for part in parts}}, clock)
    own = [*health.handlers(settings, readiness, clock), own_key.handler()]
    handlers = [*own, *(handler for part in parts for handler in part.handlers)]
    if metrics.scraped and not settings.metrics_port:
        handlers.append(scraping.handler(metrics))

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(readiness.aclose)
            opened = backend or connect(settings, clock)
            stack.push_async_callback(opened.aclose)
            opened.service_time.report_to(metrics, clock)
            await stack.enter_async_context(access.lifespan(opened))
            for part in parts:
                await stack.enter_async_context(part.lifespan(opened))
            yield

    app = Litestar(
        route_handlers=[
            *options_handlers(handlers),
            *handlers,
            *docs.handlers(settings, docs.installed()),
        ],
        lifespan=[lifespan],
        state=State({auth.STATE_KEY: access, _STOP_KEY: [part.stop for part in parts]}),
        exception_handlers=dict(EXCEPTION_HANDLERS),
        request_max_body_size=MAX_REQUEST_BYTES,
        # Litestar's own would serve HTML that loads a CDN, and configure logging.
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    routes = {name: route for part in parts for name, route in part.routes.items()}
    routed = Router(headed(event_path.routed(app.asgi_handler)), routes)
    app.asgi_handler = traced(Observer(cors(routed, settings.cors_origins), metrics))
    return app


def stop_waiting(app: Litestar) -> None:
    """End the waits in all parts of `app`, so that pending requests are answered before the process exits."""
    for stop in app.state[_STOP_KEY]:
        stop()
