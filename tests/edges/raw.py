"""HTTP by hand: bytes out, answers in."""

import asyncio
import json
import re
import socket
from typing import Any, NamedTuple

_length = re.compile(rb"(?mi)^content-length: *(\d+)\r$").search


class Answer(NamedTuple):
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        """Return the problem document, once everything that all errors have is there."""
        assert self.headers["content-type"] == "application/problem+json", self
        fields: dict[str, Any] = json.loads(self.body)
        assert fields["status"] == self.status
        assert fields["instance"] == f"urn:triggers:request:{self.headers['x-request-id']}"
        return fields


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, *, host: str = "127.0.0.1", receive_buffer_bytes: int = 0) -> "Wire":
        made = socket.socket()
        made.settimeout(0)
        if receive_buffer_bytes:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        if host != "127.0.0.1":
            made.bind((host, 0))
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
        # A small limit: a reader that is meant to be slow must not read ahead.
        return cls(*await asyncio.open_connection(sock=made, limit=receive_buffer_bytes or 65_536))

    async def send(self, data: bytes) -> None:
        """Send as much as the server takes; it may hang up before."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            pass

    def half_close(self) -> None:
        self._writer.write_eof()

    async def answer(self, *, timeout_seconds: float = 10, to_head: bool = False) -> Answer | None:
        """Return the next answer, None if the server hung up instead."""
        async with asyncio.timeout(timeout_seconds):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = 0 if to_head else int(found[1]) if (found := _length(head)) else 0
                body = await self.reader.readexactly(length)
            except (asyncio.IncompleteReadError, OSError):
                return None
        line, *fields = head.decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        return Answer(int(line.split()[1]), headers, body)

    async def ended(self, *, timeout_seconds: float = 10) -> bool:
        """Wait for the server to hang up; False if it says something instead."""
        async with asyncio.timeout(timeout_seconds):
            try:
                return await self.reader.read(1) == b""
            except OSError:
                return True

    def close(self) -> None:
        self._writer.transport.abort()


async def ask(port: int, *pieces: bytes, pause_seconds: float = 0.02) -> tuple[Answer | None, bool]:
    """Send `pieces` on a connection of their own; return the first answer, and whether the server then hung up."""
    wire = await Wire.open(port)
    try:
        for piece in pieces:
            await wire.send(piece)
            await asyncio.sleep(pause_seconds)
        answer = await wire.answer()
        try:
            return answer, answer is None or await wire.ended(timeout_seconds=1)
        except TimeoutError:
            return answer, False
    finally:
        wire.close()


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    """Return a request as bytes."""
    lines = [f"{method} {target} HTTP/1.1", "Host: edges", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
