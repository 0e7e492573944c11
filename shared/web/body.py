"""Reading a request's body in a raw ASGI handler: never more of it than is allowed, and not for ever."""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, cast

from litestar.types import HTTPReceiveMessage, Receive, Scope

from shared.model.errors import InvalidRequest, TooLarge, TooSlow
from shared.web.context import context_of

BODY_SECONDS = 30.0
"""So long a body may take, however it trickles: 512 KiB at 17 KiB a second."""

_Receiving = Coroutine[Any, Any, HTTPReceiveMessage]


async def read_body(scope: Scope, receive: Receive, limit_bytes: int, limit_seconds: float = BODY_SECONDS) -> bytes:
    """Return the body. Raises `TooLarge` before more than `limit_bytes` are held, by Content-Length if there is one.

    Raises `TooSlow` after `limit_seconds`, and `InvalidRequest` if the client leaves before the body's end.
    """
    line = context_of(scope)
    length = line.given.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit_bytes:
        raise TooLarge(limit_bytes)
    receiving = cast("_Receiving", receive())
    message: HTTPReceiveMessage | None = None
    waits_for = None
    try:
        # Started by hand: nearly always the body came with the headers, and a timer would cost 5 µs for nothing.
        waits_for = receiving.send(None)
    except StopIteration as end:
        message = cast("HTTPReceiveMessage", end.value)
    if message is not None and message["type"] == "http.request" and not message.get("more_body"):
        body = message["body"]
    else:
        try:
            async with asyncio.timeout(limit_seconds):
                first = message or await _resumed(receiving, waits_for)
                body = await _joined(first, receive, limit_bytes)
        except TimeoutError:
            raise TooSlow(limit_seconds) from None
    if len(body) > limit_bytes:
        raise TooLarge(limit_bytes)
    line.bytes_in = len(body)
    return body


async def _joined(message: HTTPReceiveMessage, receive: Receive, limit_bytes: int) -> bytes:
    """Return the body that begins with `message`."""
    chunks = bytearray()
    while True:
        if message["type"] != "http.request":
            raise InvalidRequest("The body ended early.")
        chunks += message["body"]
        if len(chunks) > limit_bytes:
            raise TooLarge(limit_bytes)
        if not message.get("more_body"):
            return bytes(chunks)
        message = cast("HTTPReceiveMessage", await receive())


@coroutine
def _resumed(receiving: _Receiving, waits_for: object) -> Generator[Any, Any, HTTPReceiveMessage]:
    """Go on awaiting a coroutine that was started before, and waits for `waits_for`."""
    try:
        while True:
            try:
                answer = yield waits_for
            except BaseException as error:  # noqa: BLE001 - a cancellation among others; it is the coroutine's
                waits_for = receiving.throw(error)
            else:
                waits_for = receiving.send(answer)
    except StopIteration as end:
        return cast("HTTPReceiveMessage", end.value)
