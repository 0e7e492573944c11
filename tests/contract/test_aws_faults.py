"""A service that takes a request and then misbehaves: what was written may or may not be there."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from shared.aws.clients import AwsClients
from shared.aws.event_store import DynamoStore
from shared.aws.sqs import SqsQueue
from shared.model.errors import Unavailable, Unclear
from shared.ports import Outgoing
from shared.settings import Settings
from tests.contract.build import END, NOW_MS, Builder

Misbehave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    # Lingering for no time turns a close into a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _answer_half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 500\r\n\r\n{"Resp')
    await writer.drain()
    writer.close()


async def _fail(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = b'{"__type":"InternalServerError"}'
    head = f"HTTP/1.1 500 Oops\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def _fail_in_html(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = b"<html>Bad gateway</html>"
    head = f"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


@asynccontextmanager
async def _service(misbehave: Misbehave) -> AsyncIterator[str]:
    """A server that reads the start of each request, then misbehaves; gives its URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while await reader.read(65_536):
                await misbehave(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


@pytest.fixture(params=[_close, _reset, _say_nothing, _answer_half, _fail, _fail_in_html])
async def aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AwsClients]:
    """Makes clients of a service that misbehaves in each way."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    async with _service(request.param) as url:
        for service in ("SQS", "DYNAMODB"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        deadline_ms = 600 if request.param is _say_nothing else 8_000
        yield AwsClients(Settings(store_timeout_ms=deadline_ms, queue_timeout_ms=deadline_ms, settle_ms=10_000))


async def test_a_write_to_the_table_is_unclear_and_a_read_unavailable(aws: AwsClients, make: Builder) -> None:
    async with aws.dynamodb_once() as client:
        store = DynamoStore(client, Settings())

        for write in (
            store.insert_guards([make.guard()]),
            store.insert_events([make.event(), make.event()]),
            store.remove_events([make.place()]),
            store.take_over(make.guard(), make.guard()),
            store.erase(make.guard(), make.guard(), NOW_MS),
        ):
            with pytest.raises(Unclear):
                await write
        for read in (store.query(make.place(), shard=0, before=END, limit=1), store.read_events([make.place()])):
            with pytest.raises(Unavailable):
                await read


async def test_a_send_is_unclear(aws: AwsClients) -> None:
    async with AsyncExitStack() as stack:
        sending = await stack.enter_async_context(aws.sqs())
        queue = SqsQueue(sending, sending, "http://queue")

        with pytest.raises(Unclear):
            await queue.send([Outgoing(body="a")])
        with pytest.raises(Unavailable):
            await queue.backlog()
