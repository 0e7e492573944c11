"""One request and its answer, of a client that may have closed its half of the connection.

A client may end its side once its request is sent, and still wait for the answer (`nc -N`, some SDKs). By TCP it looks
the same as one that has left. So the answer is written either way, and whoever waits for the client to leave, as a long
poll does, is woken: it ends at once instead of holding its place.
"""

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent


class Cycle(RequestResponseCycle):
    """uvicorn's cycle, for a connection that may be half-closed."""

    _is_half_closed = False
    _is_received = False

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
