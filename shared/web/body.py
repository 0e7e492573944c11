"""Reading a request's body in a raw ASGI handler, never more of it than is allowed."""

from litestar.types import Receive, Scope

from shared.errors import InvalidRequest, TooLarge
from shared.web.line import line_of


async def read_body(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """Return the body. Raises `TooLarge` before more than `limit_bytes` are held, by Content-Length if there is one.

    Raises `InvalidRequest` if the client leaves before its end.
    """
    line = line_of(scope)
    length = line.given.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit_bytes:
        raise TooLarge(limit_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body = message["body"]  # nearly always the whole of it
    else:
        chunks = bytearray()
        while True:
            if message["type"] != "http.request":
                raise InvalidRequest("The body ended early.")
            chunks += message["body"]
            if len(chunks) > limit_bytes:
                raise TooLarge(limit_bytes)
            if not message.get("more_body"):
                break
            message = await receive()
        body = bytes(chunks)
    if len(body) > limit_bytes:
        raise TooLarge(limit_bytes)
    line.bytes_in = len(body)
    return body
