"""Reads a request body in an ASGI handler, limited in size; the server limits its time (`shared.web.server`)."""

from typing import cast

from litestar.types import HTTPReceiveMessage, Receive, Scope

from shared.model.errors import InvalidRequest, TooLarge
from shared.web.context import context_of


async def read_body(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """Return the body.

    Raises `TooLarge` if it has more than `limit_bytes`, before reading if Content-Length says so, and `InvalidRequest`
    if the client disconnects before the end of the body, or the server ends a request that is too slow.
    """
    context = context_of(scope)
    length = context.headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit_bytes:
        raise TooLarge(limit_bytes)
    chunks: list[bytes] = []
    size = 0
    more_body = True
    while more_body:
        message = cast("HTTPReceiveMessage", await receive())
        if message["type"] != "http.request":
            raise InvalidRequest("The body is incomplete.")
        chunks.append(message["body"])
        size += len(message["body"])
        if size > limit_bytes:
            raise TooLarge(limit_bytes)
        more_body = message.get("more_body", False)
    context.bytes_in = size
    return b"".join(chunks)
