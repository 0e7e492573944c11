"""How many connections there may be."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tests.edges.raw import Wire, request
from tests.edges.running import Running, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small() -> Iterator[Running]:
    with running(MAX_CONNECTIONS="12", MAX_CONNECTIONS_PER_ADDRESS="8", HEADER_TIMEOUT_SECONDS="3") as started:
        yield started


async def opened(stack: AsyncExitStack, port: int, count: int, host: str) -> list[Wire]:
    wires = [await Wire.open(port, host=host) for _ in range(count)]
    for wire in wires:
        stack.callback(wire.close)
    return wires


async def test_connections_past_the_limits_are_refused_until_there_is_room(small: Running) -> None:
    async with AsyncExitStack() as stack:
        first = await opened(stack, small.port, 8, "127.0.0.2")
        (one_more,) = await opened(stack, small.port, 1, "127.0.0.2")
        refused = await one_more.answer()
        assert refused is not None
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert refused.problem()["type"] == "urn:triggers:problem:unavailable"
        assert await one_more.ended()

        others = await opened(stack, small.port, 4, "127.0.0.3")
        (too_many,) = await opened(stack, small.port, 1, "127.0.0.4")
        await too_many.send(request("GET", "/healthz"))
        full = await too_many.answer()
        assert full is not None
        assert full.status == 503
        for wire in (first[0], others[-1]):
            await wire.send(request("GET", "/healthz"))
            answer = await wire.answer()
            assert answer is not None
            assert answer.status == 200

        first[1].close()
        await asyncio.sleep(0.1)
        (again,) = await opened(stack, small.port, 1, "127.0.0.2")
        await again.send(request("GET", "/healthz"))
        answer = await again.answer()
        assert answer is not None
        assert answer.status == 200
    await asyncio.sleep(0.1)
    assert small.refusals() == {"address": 1, "connections": 1}


async def test_a_flood_of_connections_past_the_limit(small: Running) -> None:
    """Most are closed at once, and none costs those who were there before."""
    async with AsyncExitStack() as stack:
        (before,) = await opened(stack, small.port, 1, "127.0.0.3")
        flood = await opened(stack, small.port, 500, "127.0.0.2")
        await before.send(request("GET", "/healthz"))
        answer = await before.answer()
        assert answer is not None
        assert answer.status == 200
        refused = [await wire.answer() for wire in flood[8:]]
        assert {answer.status for answer in refused if answer} == {503}
        assert len([answer for answer in refused if answer]) > 100
