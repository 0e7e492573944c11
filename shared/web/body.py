"""Reads a request body in an ASGI handler, limited in size and time."""

import asyncio
from typing import cast

from litestar.types import HTTPReceiveMessage, Receive, Scope

from shared.model.errors import InvalidRequest, TooLarge, TooSlow
from shared.web.context import context_of

BODY_SECONDS = 30.0
"""Time limit of a whole body, however it is split up: 512 KiB at 17 KiB/s."""


async def read_body(scope: Scope, receive: Receive, limit_bytes: int, limit_seconds: float = BODY_SECONDS) -> bytes:
    """Return the body.

    Raises `TooLarge` if it has more than `limit_bytes`, before reading if Content-Length says so, `TooSlow` after
    `limit_seconds`, and `InvalidRequest` if the client disconnects before the end of the body.
    """
    context = context_of(scope)
    length = context.headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit_bytes:
        raise TooLarge(limit_bytes)
    try:
        async with asyncio.timeout(limit_seconds):
            body = await _joined(receive, limit_bytes)
    except TimeoutError:
        raise TooSlow(limit_seconds) from None
    context.bytes_in = len(body)
    return body


async def _joined(receive: Receive, limit_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = cast("HTTPReceiveMessage", await receive())
        if message["type"] != "http.request":
            raise InvalidRequest("The body is incomplete.")
        chunks.append(message["body"])
        size += len(message["body"])
        if size > limit_bytes:
            raise TooLarge(limit_bytes)
        if not message.get("more_body"):
            return b"".join(chunks)
