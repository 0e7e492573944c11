"""Writes an answer: head and body in one call, or a 503 in their place while there is no room for it.

uvicorn writes the head, then the body: two system calls, and two packets. One of them pays for all the bounds here.
"""

import asyncio
import re

from shared.web.server import refusals
from shared.web.server.connections import Connections

LARGE_BYTES = 16_384
"""An answer that waits with more than this counts as unsent; less is bounded by the number of connections."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_kept_headers = re.compile(rb"\r\n(date|x-request-id): ([^\r]*)").findall


class AnswerWriter:
    """A connection's transport, as uvicorn's cycle uses one. `last_bytes` is the last write, held until it is sent."""

    __slots__ = ("_connections", "_head", "_is_replaced", "_transport", "_waits_for_head", "is_closing", "last_bytes")

    def __init__(self, transport: asyncio.Transport, connections: Connections) -> None:
        self._transport = transport
        self._connections = connections
        self._head = b""
        self._waits_for_head = self._is_replaced = False
        self.is_closing = transport.is_closing
        self.last_bytes = 0

    def begin(self) -> None:
        """Begin an answer: what is written next is its head, which waits for the body."""
        self._waits_for_head, self._is_replaced = True, False

    def write(self, data: bytes) -> None:
        """Write the next part."""
        if self._waits_for_head:
            if data == _CONTINUE:
                self._transport.write(data)
            else:
                self._head, self._waits_for_head = data, False
        elif self._is_replaced:
            pass
        elif len(data) <= LARGE_BYTES:
            self.last_bytes = len(data)
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._write_large(data)

    def flush(self) -> None:
        """Write a head that has no body."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self.flush()
        self._transport.close()

    def _write_large(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        if self._head and not self._connections.unsent.room_for(len(data), now):
            self._replace(refusals.full("unsent"))
        else:
            self.flush()
            self.last_bytes = len(data)
            self._transport.write(data)

    def _replace(self, refusal: refusals.Refusal) -> None:
        kept = _kept_headers(self._head)
        self._head = b""
        self._is_replaced = True
        self._connections.count(refusal.reason)
        self._transport.write(refusals.render(refusal, kept, [field for field in kept if field[0] == b"date"]))
        self._transport.close()
