import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from litestar.types import HTTPReceiveMessage, Scope

from shared.model.errors import InvalidRequest, TooLarge
from shared.web.body import read_body
from shared.web.context import STATE_KEY, RequestContext, context_of
from tests.fakes.waiting import until


async def read(messages: Sequence[Any], headers: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    waiting = iter(messages)

    async def receive() -> HTTPReceiveMessage:
        return cast("HTTPReceiveMessage", next(waiting))

    scope = scope_of(headers)
    body = await read_body(scope, receive, 10)
    assert context_of(scope).bytes_in == len(body)
    return body


def scope_of(headers: Sequence[tuple[bytes, bytes]] = ()) -> Scope:
    line = RequestContext(request_id="r", headers=dict(headers), response_headers=[])
    return cast("Scope", {"type": "http", "headers": headers, "state": {STATE_KEY: line}})


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_is_read_whole_or_in_parts() -> None:
    assert await read([part(b"0123456789", more=False)]) == b"0123456789"
    assert await read([part(b"01234", more=True), part(b"", more=True), part(b"56789", more=False)]) == b"0123456789"


async def test_a_length_that_is_no_number_is_left_to_counting() -> None:
    assert await read([part(b"01", more=False)], [(b"content-length", b"lots")]) == b"01"


@pytest.mark.parametrize(
    "messages",
    [
        [part(b"x" * 11, more=False)],
        [part(b"x" * 11, more=True)],
        [part(b"x" * 6, more=True), part(b"x" * 5, more=True)],
    ],
)
async def test_a_body_that_is_too_large_is_not_read_further(messages: list[Any]) -> None:
    with pytest.raises(TooLarge):
        await read(messages)


async def test_a_client_that_disconnects_ends_the_read() -> None:
    with pytest.raises(InvalidRequest):
        await read([part(b"x", more=True), {"type": "http.disconnect"}])


class Slow:
    """A client that sends each part on request."""

    def __init__(self, *parts: dict[str, Any]) -> None:
        self._parts = iter(parts)
        self.sent = asyncio.Semaphore(0)
        self.waiting = False

    async def receive(self) -> HTTPReceiveMessage:
        self.waiting = True
        await asyncio.sleep(0)
        await self.sent.acquire()
        return cast("HTTPReceiveMessage", next(self._parts))


async def test_a_late_body_is_awaited() -> None:
    client = Slow(part(b"01", more=True), part(b"2", more=False))
    reading = asyncio.create_task(read_body(scope_of(), client.receive, 10))
    for _ in range(2):
        client.waiting = False
        client.sent.release()
        await until(lambda: client.waiting or reading.done())
    assert await reading == b"012"


async def test_a_request_that_is_cancelled_while_its_body_comes_is_cancelled() -> None:
    client = Slow()
    reading = asyncio.create_task(read_body(scope_of(), client.receive, 10))
    await until(lambda: client.waiting)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_an_error_of_the_server_reaches_the_handler() -> None:
    async def receive() -> HTTPReceiveMessage:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read_body(scope_of(), receive, 10)
