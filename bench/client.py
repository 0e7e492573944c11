"""A keep-alive connection that sends prepared requests: about 10 µs each, so that the server is the bottleneck."""

import asyncio
from collections.abc import Callable
from typing import Self, cast

_LENGTH = b"content-length: "
_LOST = 0

Answered = Callable[[int], None]
"""Takes the status of an answer; 0 if the connection was lost."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: Answered | None = None
        self._received = b""

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to `port` on loopback."""
        _, protocol = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return protocol

    @property
    def is_open(self) -> bool:
        """Return whether the connection is open."""
        return self._transport is not None

    def send(self, request: bytes, answered: Answered) -> None:
        """Send `request`, and call `answered` once: with the complete answer, or when the connection is lost."""
        if self._transport is None:
            answered(_LOST)
            return
        self._answered = answered
        self._transport.write(request)

    def close(self) -> None:
        """Close without calling `answered`."""
        self._answered = None
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to send on."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop has its own class

    def connection_lost(self, _: Exception | None) -> None:
        """Report the loss to the caller of `send`."""
        self._transport = None
        if self._answered is not None:
            answered, self._answered = self._answered, None
            answered(_LOST)

    def data_received(self, data: bytes) -> None:
        """Collect the answer, which nearly always arrives whole."""
        self._received = received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = received[:end].lower()
        at = head.find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].partition(b"\r\n")[0]) if at >= 0 else 0
        if len(received) < end + 4 + length:
            return
        self._received = b""
        if self._answered is not None:
            answered, self._answered = self._answered, None
            answered(int(head[9:12]))
