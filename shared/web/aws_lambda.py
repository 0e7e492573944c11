"""Runs an HTTP app as an AWS Lambda function behind an HTTP API (payload format 2.0).

The event loop, the app and its clients exist as long as the sandbox; Lambda does not signal its end.
"""

import asyncio
import base64
import functools
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import quote

from litestar import Litestar
from litestar.types import HTTPReceiveMessage, HTTPScope, HTTPSendMessage

from shared import settings
from shared.clock import SystemClock
from shared.model.errors import UnsupportedMedia
from shared.telemetry import cloudwatch, log
from shared.telemetry.catalog import Metrics

_MAX_TEXT_BYTES = 3_000_000
"""Lambda accepts responses of up to 6,291,556 bytes of JSON. Escaping may double the size of text, while base64 adds
a third: the largest page fits only as base64."""

_ALTERED = (
    "JSON and text arrive here as UTF-8 text, which may have altered this body: it is compressed, or has U+FFFD, which"
    " replaces bytes that are not UTF-8. Send NDJSON (application/x-ndjson), compressed or not, or data_base64."
)

_log = logging.getLogger("triggers.http")


def _nothing() -> None:
    pass


def lazy_handler(module: str, create_app: Callable[..., Litestar]) -> Callable[[str], "LambdaApp"]:
    """Return a module `__getattr__` whose attribute `handler` serves the app from `create_app`.

    Lambda reads the attribute while the sandbox starts, with a full CPU and before any request; it is created once.
    Reading it raises `InvalidSettings` if the environment is invalid.
    """

    @functools.cache
    def handler() -> LambdaApp:
        loaded = settings.load(os.environ)
        log.configure(loaded.log_level)
        metrics = Metrics(scraped=False)
        return LambdaApp(create_app(loaded, metrics=metrics), cloudwatch.emitter(metrics, SystemClock(), os.environ))

    def attribute(name: str) -> LambdaApp:
        if name != "handler":
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return handler()

    return attribute


class LambdaApp:
    """Answers the requests of one sandbox, one at a time."""

    def __init__(self, app: Litestar, ended: Callable[[], None] = _nothing) -> None:
        """Start `app`. If its startup fails, it answers 503, and each request tries to start it again.

        `ended` is called at the end of each invocation.
        """
        self._app = app
        self._ended = ended
        self._runner = asyncio.Runner()
        self._stop = asyncio.Event()
        self._living: asyncio.Task[None] | None = None
        self._runner.run(self._start())

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Return the response to one request, both in the format of the HTTP API."""
        try:
            return self._runner.run(self._answer(event))
        finally:
            self._ended()

    def close(self) -> None:
        """Stop the app and close the event loop."""
        self._runner.run(self._end())
        self._runner.close()

    async def _start(self) -> None:
        if self._living is None or self._living.done():
            begun = asyncio.Event()
            self._living = asyncio.create_task(self._live(begun))
            await begun.wait()

    async def _live(self, begun: asyncio.Event) -> None:
        """Run the app's lifespan in one task: its context managers must be exited in the task that entered them."""
        try:
            async with self._app.lifespan():
                begun.set()
                await self._stop.wait()
        except Exception:  # noqa: BLE001 (after any error, the app answers 503)
            _log.exception("the app can't start")
        finally:
            begun.set()

    async def _end(self) -> None:
        self._stop.set()
        if self._living is not None:
            await self._living

    async def _answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        await self._start()
        body, sent = body_of(event), list[HTTPSendMessage]()

        async def receive() -> HTTPReceiveMessage:
            nonlocal body
            _check_unaltered(event)
            if body is None:
                await asyncio.Event().wait()  # Lambda does not signal that a client disconnected
            message: HTTPReceiveMessage = {"type": "http.request", "body": body or b"", "more_body": False}
            body = None
            return message

        async def send(message: HTTPSendMessage) -> None:
            sent.append(message)

        await self._app(scope_of(event), cast("Any", receive), cast("Any", send))
        return answer_of(sent)


def body_of(event: Mapping[str, Any]) -> bytes | None:
    """Return the body of a request."""
    body: str = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")


def _check_unaltered(event: Mapping[str, Any]) -> None:
    """Raise `UnsupportedMedia` if the HTTP API may have altered the body of a request.

    It hands `application/json` and `text/*` over as text: of bytes that are not UTF-8, as compressed ones, nothing but
    U+FFFD is left. Other media types arrive as base64, unaltered.
    """
    body = event.get("body")
    if not body or event.get("isBase64Encoded"):
        return
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if headers.get("content-encoding", "identity").strip().lower() != "identity" or "\ufffd" in body:
        raise UnsupportedMedia(_ALTERED, ("application/x-ndjson",))


def scope_of(event: Mapping[str, Any]) -> HTTPScope:
    """Return the ASGI scope of a request."""
    http, headers = event["requestContext"]["http"], dict(event.get("headers") or {})
    if event.get("cookies"):
        headers["cookie"] = "; ".join(event["cookies"])
    host, _, port = headers.get("host", "").partition(":")
    # An HTTP API decodes the path except for `%25`.
    path = event["rawPath"].replace("%25", "%")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": http["method"],
        "scheme": headers.get("x-forwarded-proto", "https"),
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": event.get("rawQueryString", "").encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (http["sourceIp"], 0),
        "server": (host, int(port or headers.get("x-forwarded-port", 443))),
        "extensions": {},
        "state": {},
    }
    return cast("HTTPScope", scope)


def answer_of(sent: list[HTTPSendMessage]) -> dict[str, Any]:
    """Return the messages that an app sent as a Lambda response: one value per header, except for cookies."""
    start, *rest = cast("list[dict[str, Any]]", sent)
    body = b"".join(message.get("body", b"") for message in rest)
    headers: dict[str, str] = {}
    cookies = []
    for name, value in ((name.decode().lower(), value.decode()) for name, value in start["headers"]):
        if name == "set-cookie":
            cookies.append(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    text = _text(body)
    answer = {
        "statusCode": start["status"],
        "headers": headers,
        "body": base64.b64encode(body).decode() if text is None else text,
        "isBase64Encoded": text is None,
    }
    return answer | ({"cookies": cookies} if cookies else {})


def _text(body: bytes) -> str | None:
    if len(body) > _MAX_TEXT_BYTES:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
