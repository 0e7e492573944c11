"""`triggers serve`: the HTTP APIs and the live page, served by uvicorn."""

import os
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import click
from msgspec.structs import replace

from cli.local.data_option import data_option
from cli.process_pool import ProcessPool
from cli.startup_errors import logging_startup_errors
from shared import process, settings
from shared.telemetry import log, prometheus
from shared.telemetry.catalog import Metrics

if TYPE_CHECKING:
    from types import FrameType

    from litestar import Litestar

_GRACE_SECONDS = 8
"""Time for requests in progress to finish after SIGTERM; long polls are answered immediately."""

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than at a load balancer (60 s), which could otherwise reuse a
connection that was just closed."""

_LISTENERS = 32
"""Handles of the listening socket. libuv accepts one connection per handle and event-loop iteration. With one handle,
clients of a busy process, whose iterations take a tenth of a second, would wait for minutes."""

App = Literal["ingest", "inbox", "groups", "console", "all"]


@click.command()
@data_option("Use this data directory instead of AWS.")
@click.argument("app", type=click.Choice(["ingest", "inbox", "groups", "console", "all"]))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65_535))
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="Share the port among N.")
def serve(app: App, host: str, port: int, processes: int) -> None:
    """Serve the ingest API, the inbox API, consumer groups, the live page with the operator API, or all at one URL."""
    loaded = settings.load(os.environ)
    log.configure(loaded.log_level)
    listener = bind(host, port)

    if processes > 1:  # they are one server to its clients
        loaded = replace(loaded, rate_limits="shared")

    def serve_one(index: int) -> None:
        # A port each, since metrics are those of one process.
        own = replace(loaded, metrics_port=loaded.metrics_port + index) if loaded.metrics_port else loaded
        process.set_up(own, f"triggers-{app}", os.environ, hold_logs=True)
        metrics = Metrics()
        run(create(app, own, metrics), own, metrics, listener)

    if processes == 1:
        serve_one(0)
    else:
        sys.exit(ProcessPool(processes, serve_one).run())


def run(served: "Litestar", loaded: settings.Settings, metrics: Metrics, listener: socket.socket) -> None:
    """Serve an app until SIGTERM or SIGINT."""
    import uvicorn  # noqa: PLC0415 (loaded only where it is used)

    from shared.web.app import stop_waiting  # noqa: PLC0415 (the same)
    from shared.web.server import open_files  # noqa: PLC0415 (the same)
    from shared.web.server.connections import Connections  # noqa: PLC0415 (the same)
    from shared.web.server.protocol import bounded  # noqa: PLC0415 (the same)

    connections = Connections(loaded, metrics, open_files=open_files.raise_limit())

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: "FrameType | None") -> None:
            super().handle_exit(sig, frame)
            stop_waiting(served)  # long polls, before uvicorn waits for them to finish

    config = uvicorn.Config(
        logging_startup_errors(served),
        interface="asgi3",
        loop="uvloop",
        http=bounded(loaded, connections, keep_alive_seconds=KEEP_ALIVE_SECONDS),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # limits go by API key; `ingest.deliveries` reads the two headers that it needs itself
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = Server(config)
    with prometheus.listening(metrics, loaded), suppress(KeyboardInterrupt):  # uvicorn raises it again once drained
        server.run([listener, *(listener.dup() for _ in range(_LISTENERS - 1))])


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address; exit with code 3 if that is in use."""
    import uvicorn  # noqa: PLC0415 (loaded only where it is used)

    return uvicorn.Config("", host=host, port=port, log_config=None).bind_socket()


def create(app: App, loaded: settings.Settings, metrics: Metrics | None = None) -> "Litestar":
    """Return the app that `triggers serve APP` serves."""
    from console import app as console  # noqa: PLC0415 (loads the SDK and Litestar)
    from ingest import app as ingest  # noqa: PLC0415 (the same)
    from shared.web.app import build_app  # noqa: PLC0415 (the same)
    from shared.web.queue_depth import watching_queue  # noqa: PLC0415 (the same)
    from worker.groups import app as groups  # noqa: PLC0415 (the same)
    from worker.inbox import app as inbox  # noqa: PLC0415 (the same)

    metrics = metrics or Metrics()
    match app:
        case "ingest":
            return build_app(loaded, [watching_queue(ingest.part(loaded, metrics=metrics), metrics)], metrics=metrics)
        case "inbox":
            return inbox.create_app(loaded, metrics=metrics)
        case "groups":
            return groups.create_app(loaded, metrics=metrics)
        case "console":
            return console.create_app(loaded, metrics=metrics)
        case "all":
            posts = watching_queue(ingest.part(loaded, metrics=metrics), metrics)
            readers = [make(loaded, metrics=metrics) for make in (inbox.part, groups.part)]
            parts = [posts, *readers, console.part(loaded)]
            return build_app(loaded, parts, metrics=metrics)
