"""A server that misbehaves in scripted ways, in place of an AWS service."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Connection:
    """A connection of the scripted server, with what a fault may do to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def answer(self, status: str, body: bytes, *headers: str, length: int | None = None) -> None:
        """Send a response, whose Content-Length is `length` if given."""
        size = len(body) if length is None else length
        lines = [f"HTTP/1.1 {status}", "Content-Type: application/x-amz-json-1.0", f"Content-Length: {size}", *headers]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self._writer.drain()

    def close(self) -> None:
        """Close the connection in order."""
        self._writer.close()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        lingering = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
        self._writer.transport.abort()

    def half_close(self) -> None:
        """End the server's side of the connection, as AWS does to idle ones."""
        self._writer.write_eof()


Fault = Callable[[Connection], Awaitable[None]]


async def reset_after_the_request(connection: Connection) -> None:
    """Reset the connection."""
    connection.reset()


async def closed(connection: Connection) -> None:
    """Close the connection."""
    connection.close()


async def server_error(connection: Connection) -> None:
    """Answer 500."""
    await connection.answer("500 Internal Server Error", b'{"__type":"InternalServerError"}')


async def slow_down(connection: Connection) -> None:
    """Answer 503, as S3 and DynamoDB throttle."""
    await connection.answer("503 Service Unavailable", b'{"__type":"SlowDown","message":"reduce your rate"}')


async def throttled(connection: Connection) -> None:
    """Answer 400, as DynamoDB throttles."""
    kind = b"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
    await connection.answer("400 Bad Request", b'{"__type":"%s"}' % kind)


async def missing_queue(connection: Connection) -> None:
    """Answer 400, with the code of the query protocol that SQS adds."""
    body = b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}'
    code = "x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender"
    await connection.answer("400 Bad Request", body, code)


async def html(connection: Connection) -> None:
    """Answer 502 as a proxy does."""
    await connection.answer("502 Bad Gateway", b"<html>Bad gateway</html>")


async def redirect(connection: Connection) -> None:
    """Answer 301."""
    await connection.answer("301 Moved Permanently", b"", "Location: http://127.0.0.1:9/")


async def truncated_json(connection: Connection) -> None:
    """Answer 200 with half of a document."""
    await connection.answer("200 OK", b'{"Successful":[{"Id"')


async def truncated_body(connection: Connection) -> None:
    """Close the connection within the body."""
    await connection.answer("200 OK", b'{"Successful":[{"Id"', length=500)
    connection.close()


async def not_http(connection: Connection) -> None:
    """Answer with something else."""
    await connection.answer("what?", b"", "\r\n\r\n no header")
    connection.close()


async def silent(connection: Connection) -> None:
    """Never answer."""
    await connection.reader.read()


class Server:
    """Answers requests one after another with `script`, whose last entry is repeated; counts the requests."""

    def __init__(self, *script: Fault) -> None:
        self.requests: list[bytes] = []
        self._script = script

    @asynccontextmanager
    async def run(self) -> AsyncIterator[str]:
        """Listen; yield the URL."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(lengths[0].split(b":")[1]))
                step = self._script[min(len(self.requests), len(self._script) - 1)]
                self.requests.append(head + body)
                await step(connection)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
