"""The asynchronous client over the same scripted API: it carries out what `Client` does."""

import asyncio
import gc
from collections.abc import Callable

import httpx
import pytest
from triggers_client import AsyncClient, InvalidRequest, LeaseLost, TriggersError, Unavailable

from tests.fakes.waiting import until
from tests.unit.triggers_client.talking import Api, problem
from tests.unit.triggers_client.test_client import EMPTY, accepting
from tests.unit.triggers_client.test_leases import EVENTS, LEASED, Group


async def test_a_request_that_fails_is_repeated_under_one_key() -> None:
    api = Api(problem(503, retry_after="7"), httpx.ConnectError("refused"), accepting)
    async with api.async_client() as client:
        accepted = await client.send([{"type": "t"}], idempotency_key="k")
    assert [one.id for one in accepted] == ["k-0:0"]
    assert {asked.headers["idempotency-key"] for asked in api.asked} == {'"k-0"'}
    assert len(api.waited) == 2
    assert 7 <= api.waited[0] <= 8.4


async def test_it_gives_up_after_the_maximum_number_of_attempts() -> None:
    api = Api(problem(503))
    with pytest.raises(Unavailable, match="503: Detail"):
        await api.async_client(attempts=3).page()
    assert len(api.asked) == 3


async def test_refusals_raise_the_same_errors() -> None:
    api = Api(accepting, problem(400, ("Missing.", "/0/type")))
    with pytest.raises(InvalidRequest) as raised:
        await api.async_client().send([{"type": "t"}] * 1000 + [{}])
    assert raised.value.faults[0].pointer == "/1000/type"


async def test_following_goes_from_cursor_to_cursor() -> None:
    api = Api(*(httpx.Response(200, json={**EMPTY, "next": cursor}) for cursor in "bc"))
    cursors = []
    async for page in api.async_client().follow("orders", cursor="a"):
        cursors.append(page.cursor)
        if len(cursors) == 2:
            break
    assert cursors == ["b", "c"]
    assert [asked.url.params["after"] for asked in api.asked] == ["a", "b"]
    with pytest.raises(ValueError, match="wait"):
        await anext(api.async_client().follow(wait=0))


async def test_acks_look_ups_and_erases_are_sent() -> None:
    api = Api(httpx.Response(200, json={"id": "a/b"}))
    async with api.async_client() as client:
        await client.ack([{"inbox": "i", "position": "p"}])
        assert (await client.get("a/b"))["id"] == "a/b"
        await client.erase("a/b")
    assert [(asked.method, asked.url.path) for asked in api.asked] == [
        ("POST", "/v1/acks"),
        ("GET", "/v1/events"),
        ("DELETE", "/v1/events"),
    ]


async def test_asking_for_the_next_lease_acks_the_last_one() -> None:
    group = Group(LEASED, {**LEASED, "lease": "M"})
    leases = group.api.async_client().leases("billing")
    assert (await anext(leases)).id == "L"
    assert group.done() == []
    assert (await anext(leases)).id == "M"
    assert group.done() == [("/v1/leases/L/ack", {})]


async def test_an_exception_in_the_loop_releases_the_lease() -> None:
    group = Group(LEASED)

    async def handle(client: AsyncClient) -> None:
        async for _ in client.leases("billing"):
            raise ZeroDivisionError

    client = group.api.async_client()
    with pytest.raises(ZeroDivisionError):
        await handle(client)
    gc.collect()
    await until(lambda: bool(group.done()))  # the event loop closes the generator
    assert group.done() == [("/v1/leases/L/release", {})]


async def test_closing_the_client_releases_what_is_being_handled_once() -> None:
    group = Group(LEASED)
    async with group.api.async_client() as client:
        async for _ in client.leases("billing"):
            break
    assert group.done() == [("/v1/leases/L/release", {})]
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(group.done()) == 1


async def test_a_lease_is_extended_while_it_is_handled() -> None:
    group = Group(LEASED)
    async with group.api.async_client(sleep=lambda _: asyncio.sleep(0)) as client:
        async for lease in client.leases("billing", seconds=1):
            await until(group.extended.is_set)
            await lease.ack(EVENTS)
            break
    assert ("/v1/leases/L/extend", {"seconds": 1}) in group.calls
    assert [name for name, _ in group.done()] == ["/v1/leases/L/ack"]


@pytest.mark.parametrize("act", [lambda lease: lease.ack(), lambda lease: lease.extend(60)])
async def test_a_lost_lease_says_so(act: Callable[..., object]) -> None:
    group = Group(LEASED, lost=True)
    lease = await group.api.async_client().lease("billing")
    assert lease is not None
    with pytest.raises(LeaseLost):
        await act(lease)  # type: ignore[misc] # a coroutine of either method
    assert lease.is_lost


async def test_an_error_that_no_retry_helps_is_raised_at_once() -> None:
    api = Api(httpx.UnsupportedProtocol("no such scheme"))
    with pytest.raises(TriggersError, match="can't be sent: no such scheme"):
        await api.async_client(attempts=None).page()
    assert len(api.asked) == 1
