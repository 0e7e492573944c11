"""A TCP relay in front of a server: for a client, closing it is like a server that is down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Relay:
    """Forwards connections to the server at `url`, from a port that it keeps when it is closed and opened again."""

    def __init__(self, url: str, port: int) -> None:
        self._target = urlsplit(url)
        self._port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """The URL of the server through the relay."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self._port)

    async def close(self) -> None:
        """Refuse connections, and end those that are open."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._writers |= {writer, there}
        try:
            await asyncio.gather(_copy(reader, there), _copy(there_reader, writer))
        finally:
            self._writers -= {writer, there}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while content := await reader.read(65_536):
            writer.write(content)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relayed(url: str, port: int) -> AsyncIterator[Relay]:
    """Run a relay to `url` on `port` until the end of the context."""
    relay = Relay(url, port)
    await relay.open()
    try:
        yield relay
    finally:
        await relay.close()
