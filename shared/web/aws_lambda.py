"""An HTTP app as an AWS Lambda function behind an HTTP API (payload format 2.0).

The event loop, the app and its clients live as long as the sandbox does; Lambda itself never says that it ends.
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
from shared.telemetry import cloudwatch, log
from shared.telemetry.catalog import Metrics

_MAX_TEXT_BYTES = 3_000_000
"""Lambda takes answers of up to 6,291,556 bytes of JSON. There text may double, with its quotes escaped, while
base64 adds a third: the largest page fits as base64 alone."""

_log = logging.getLogger("triggers.http")


def _nothing() -> None:
    pass


def lazy_handler(module: str, create_app: Callable[..., Litestar]) -> Callable[[str], "LambdaApp"]:
    """Return the `__getattr__` of a module whose attribute `handler` is the function that `create_app` makes.

    Lambda requests the attribute as the sandbox starts, with a whole CPU and before any request; it is made once.
    Raises `InvalidSettings` then if the environment's settings are invalid.
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
    """Answers the requests of one sandbox, one at a time, as Lambda hands them over."""

    def __init__(self, app: Litestar, ended: Callable[[], None] = _nothing) -> None:
        """Start `app`. If what it needs does not answer it says so itself, by 503, and each request tries again.

        `ended` is called at the end of each invocation.
        """
        self._app = app
        self._ended = ended
        self._runner = asyncio.Runner()
        self._stop = asyncio.Event()
        self._living: asyncio.Task[None] | None = None
        self._runner.run(self._start())

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Return the answer to one request, both as the HTTP API spells them."""
        try:
            return self._runner.run(self._answer(event))
        finally:
            self._ended()

    def close(self) -> None:
        """End the app and the loop."""
        self._runner.run(self._end())
        self._runner.close()

    async def _start(self) -> None:
        if self._living is None or self._living.done():
            begun = asyncio.Event()
            self._living = asyncio.create_task(self._live(begun))
            await begun.wait()

    async def _live(self, begun: asyncio.Event) -> None:
        """Keep the app's lifespan, in one task: what it holds must be left where it was entered."""
        try:
            async with self._app.lifespan():
                begun.set()
                await self._stop.wait()
        except Exception:  # noqa: BLE001 (whatever it is, the app answers that it is not there)
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
            if body is None:
                await asyncio.Event().wait()  # Lambda does not tell when a client leaves
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


def scope_of(event: Mapping[str, Any]) -> HTTPScope:
    """Return the ASGI scope of a request."""
    http, headers = event["requestContext"]["http"], dict(event.get("headers") or {})
    if event.get("cookies"):
        headers["cookie"] = "; ".join(event["cookies"])
    host, _, port = headers.get("host", "").partition(":")
    # An HTTP API decodes the path, all but `%25`.
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
    """Return what an app sent as Lambda returns it: one value a header, but for cookies."""
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
