from collections.abc import Sequence
from typing import Any, cast

import pytest
from litestar.types import HTTPReceiveMessage, Scope

from shared.errors import InvalidRequest, TooLarge
from shared.web.body import read_body
from shared.web.line import STATE_KEY, RequestLine


async def read(messages: Sequence[Any], headers: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    waiting = iter(messages)

    async def receive() -> HTTPReceiveMessage:
        return cast("HTTPReceiveMessage", next(waiting))

    line = RequestLine(request_id="r", given=dict(headers), headers=[])
    scope = cast("Scope", {"type": "http", "headers": headers, "state": {STATE_KEY: line}})
    body = await read_body(scope, receive, 10)
    assert line.bytes_in == len(body)
    return body


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
async def test_too_much_is_refused_without_reading_on(messages: list[Any]) -> None:
    with pytest.raises(TooLarge):
        await read(messages)


async def test_a_client_that_leaves_ends_the_reading() -> None:
    with pytest.raises(InvalidRequest):
        await read([part(b"x", more=True), {"type": "http.disconnect"}])
