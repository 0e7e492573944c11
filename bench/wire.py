"""HTTP/1.1 for the stub, only what the SDK needs: keep-alive, Content-Length, one request at a time."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

Answer = Callable[[str, bytes, bytes], tuple[bytes, float]]
"""Takes path, X-Amz-Target and body; returns the answer's body and how many seconds to wait before it is sent."""

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client's connection. An error in `answer` is not caught: it closes the connection and fails the run."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._path = ""
        self._target = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop has its own class

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the client; drop an answer that is due."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the `on_` methods."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Begin a request."""
        self._path, self._target, self._body = url.decode(), b"", []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Find the name of the operation."""
        if name.lower() == b"x-amz-target":
            self._target = value

    def on_body(self, chunk: bytes) -> None:
        """Collect the body."""
        self._body.append(chunk)

    def on_message_complete(self) -> None:
        """Answer the request."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        content, delay_seconds = self._answer(self._path, self._target, body)
        if delay_seconds > 0:
            asyncio.get_running_loop().call_later(delay_seconds, self._write, content)
        else:
            self._write(content)

    def _write(self, content: bytes) -> None:
        if self._transport is not None:
            self._transport.write(_HEAD % len(content) + content)
