"""One request and its answer, with two additions to uvicorn's.

**Half-closed connections.** A client may end its side once its request is sent, and still wait for the answer (`nc -N`,
some SDKs). By TCP it looks the same as one that has left. So the answer is written either way, and an app that waits
for its client to leave, as a long poll does, is woken: it ends at once instead of holding its place.

**Large answers** are replaced by a 503 while others fill the memory that answers may take.
"""

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from shared.web.server import refusals
from shared.web.server.connections import Connections

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent, HTTPResponseStartEvent

LARGE_BYTES = 16_384
"""An answer that waits with more than this counts as unsent; less is bounded by the number of connections."""


class Cycle(RequestResponseCycle):
    """uvicorn's cycle, for a connection that may be half-closed and a client that may not read."""

    connections: Connections
    _is_half_closed = False
    _is_received = False
    _is_replaced = False

    def half_close(self) -> None:
        """End `receive` for an app that waits for its client to leave; the answer is still written."""
        self._is_half_closed = True
        if self._is_received:
            self.message_event.set()

    async def receive(self) -> "ASGIReceiveEvent":
        """Return the next piece of the body, then `http.disconnect` once the client sends no more."""
        if not (self._is_half_closed and self._is_received):
            message = await super().receive()
            if message["type"] != "http.request" or not self._is_received:
                self._is_received = not message.get("more_body", False)
                return message
        return {"type": "http.disconnect"}

    async def send(self, message: "ASGISendEvent") -> None:
        """Send a part of the answer, or a 503 in its place."""
        if self._is_replaced:
            return
        # Without answers that wait, this costs a comparison.
        if self.connections.unsent.held_bytes and message["type"] == "http.response.start":
            size = next((value for name, value in message["headers"] if name == b"content-length"), b"0")
            now = asyncio.get_running_loop().time()
            if int(size) > LARGE_BYTES and not self.connections.unsent.room_for(int(size), now):
                await self._replace(message)
                return
        await super().send(message)

    async def _replace(self, message: "HTTPResponseStartEvent") -> None:
        request_id = next((value for name, value in message["headers"] if name == b"x-request-id"), b"unknown")
        self.connections.count("unsent")
        status, headers, body = refusals.as_message(refusals.full("unsent"), request_id)
        headers.append((b"x-request-id", request_id))
        await super().send({"type": "http.response.start", "status": status, "headers": headers})
        await super().send({"type": "http.response.body", "body": body, "more_body": False})
        self._is_replaced = True


class Writer:
    """A transport as a cycle uses it. Remembers the size of the last write, which is held until it is sent."""

    __slots__ = ("_write", "close", "is_closing", "last_bytes")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._write = transport.write
        self.close = transport.close
        self.is_closing = transport.is_closing
        self.last_bytes = 0

    def write(self, data: bytes) -> None:
        """Write `data`."""
        self.last_bytes = len(data)
        self._write(data)
