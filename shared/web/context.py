"""The context of one request: its id, its headers, the headers of its response, and the log line at its end."""

import itertools
import logging
import re
import secrets
from time import perf_counter
from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shared.telemetry import log
from shared.telemetry.catalog import Metrics
from shared.web.metrics import Requests

logger = logging.getLogger("triggers.http")

STATE_KEY = "triggers_line"
_CLIENT_CLOSED = 499
"""nginx's status for a client that disconnected before the response."""

_sane_id = re.compile(rb"[A-Za-z0-9._-]{1,128}").fullmatch


class RequestContext(msgspec.Struct, kw_only=True):
    """The headers and the log line of one request. Handlers fill in the fields; no part of a payload belongs here.

    `headers` are those of the request; of repeated ones, the last. `response_headers` are added to every response,
    including errors.
    """

    request_id: str
    headers: dict[bytes, bytes]
    response_headers: list[tuple[bytes, bytes]]
    status: int | None = None
    bytes_out: int = 0
    bytes_in: int = 0
    key_id: str | None = None
    tenant: str | None = None
    events: int | None = None
    error: str | None = None


def context_of(scope: Scope) -> RequestContext:
    """Return the context of the request that `scope` belongs to."""
    line: RequestContext = scope["state"][STATE_KEY]
    return line


class Observer:
    """The outermost ASGI layer: adds `X-Request-ID` to every response, and counts and logs every request.

    It wraps Litestar's own handler, since Litestar does not run middleware for paths without a route.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._requests = Requests(metrics)
        # Unlike a position, a request id may be guessable, so a counter is enough.
        self._prefix = secrets.token_hex(8)
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id")
        if request_id is None or not _sane_id(request_id):
            request_id = f"{self._prefix}-{next(self._numbers):x}".encode()
        line = RequestContext(
            request_id=request_id.decode(), headers=headers, response_headers=[(b"x-request-id", request_id)]
        )
        scope["state"][STATE_KEY] = line

        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                line.status = message["status"]
                message["headers"] = [*message["headers"], *line.response_headers]
            elif message["type"] == "http.response.body":
                line.bytes_out += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, observed_send)
        finally:
            took_seconds = perf_counter() - started
            self._requests.count(scope, line.status or _CLIENT_CLOSED, took_seconds)
            if logger.isEnabledFor(logging.INFO):
                log.info(logger, "request", _fields(scope, line, took_seconds))


def _fields(scope: Scope, line: RequestContext, took_seconds: float) -> dict[str, Any]:
    # The route template, never the path or the query: those may contain private data.
    fields = {
        "method": scope.get("method"),
        "route": scope.get("path_template"),
        "status": line.status or _CLIENT_CLOSED,
        "duration_ms": round(took_seconds * 1000, 3),
        "bytes_in": line.bytes_in,
        "bytes_out": line.bytes_out,
        "key_id": line.key_id,
        "tenant": line.tenant,
        "events": line.events,
        "error": line.error,
        "request_id": line.request_id,
    }
    return {name: value for name, value in fields.items() if value is not None}
