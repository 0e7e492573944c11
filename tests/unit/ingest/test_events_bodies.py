"""Bodies of every size, and hostile payloads."""

import base64
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from shared.model.event import MAX_REQUEST_BYTES
from tests.fakes.app import Content, check_problem
from tests.unit.ingest.serving import World


def sized(size: int) -> bytes:
    start, end = b'{"type":"a","data":"', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize("spell", [bytes, chunks])
async def test_512_kib_are_accepted_and_one_byte_more_is_refused(
    world: World, spell: Callable[[bytes], Content]
) -> None:
    assert (await world.post(spell(sized(MAX_REQUEST_BYTES)))).status_code == 202
    check_problem(await world.post(spell(sized(MAX_REQUEST_BYTES + 1))), 413)
    assert len(world.queue.events) == 1


async def test_a_body_announced_too_large_is_refused_before_it_is_read(world: World) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"{}"

    check_problem(await world.post(body(), content_length="524289"), 413)
    assert not read


HOSTILE = [
    '"\uffff\ufffe"'.encode(),
    b'"\\u0000"',
    b'"\\ud800"',
    b'{"a":1,"a":2}',
    b"1e999",
    b"9" * 400,
    b"[" * 500 + b"]" * 500,
    b"[" * 501 + b"]" * 501,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b"[" * 100_000 + b"]" * 100_000,
    b"[" * 100_000,
    b'"\xff"',
    b"NaN",
    b"",
    b"\xef\xbb\xbf1",
    b"]",
    b'"',
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_data_is_kept_byte_for_byte_or_refused(world: World, data: bytes) -> None:
    answer = await world.post(b'{"type":"a","data":' + data + b"}")
    if answer.status_code == 202:
        body = bytes(world.queue.events[0].body)
        encoded = b'"data_base64":"' + base64.b64encode(data)
        assert body.endswith((b'"data":' + data + b"}", encoded + b'"}'))
        msgspec.json.decode(body)
    else:
        assert check_problem(answer, 400)["errors"]
        assert not world.queue.events
