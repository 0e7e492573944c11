"""DELETE /v1/events/{id} over ASGI, with the queue and the keys in memory."""

from urllib.parse import quote

import httpx
import pytest

from shared.model import api_key, pack
from shared.model.pack import Removal
from shared.model.position import is_position
from tests.fakes.app import check_problem
from tests.unit.ingest.serving import World

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"


async def delete(world: World, path: str, token: str | None = None, **headers: str) -> httpx.Response:
    token = token or await world.token(scopes=[api_key.INBOX_ACK])
    return await world.client.delete(path, headers={"authorization": f"Bearer {token}"} | headers)


def removal_of(world: World) -> Removal:
    (body,) = world.queue.bodies
    removal = pack.decode(body)
    assert isinstance(removal, Removal)
    return removal


async def test_an_ack_by_identity_goes_to_the_queue(world: World) -> None:
    token = await world.token(tenant="t", scopes=[api_key.INBOX_ACK])
    answer = await delete(world, "/v1/events/order-1?source=/shop&inbox=orders", token)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    removal = removal_of(world)
    assert removal.identity == ("t", "orders", "/shop", "order-1")
    assert (removal.key_id, removal.erase) == (token.split("_")[1], False)
    assert is_position(removal.receipt)


async def test_source_and_inbox_have_the_defaults_of_events(world: World) -> None:
    await delete(world, "/v1/events/1")
    assert removal_of(world).identity == ("a#b", "default", "/", "1")


@pytest.mark.parametrize(("value", "erase"), [("true", True), ("false", False)])
async def test_erase_removes_permanently(world: World, value: str, erase: bool) -> None:  # noqa: FBT001
    await delete(world, f"/v1/events/1?erase={value}")
    assert removal_of(world).erase is erase


@pytest.mark.parametrize("event_id", ["a/b", "/a", "a//b", "a/", "a%2Fb", "a?b#c", "ü 東京", "a;b=c", "..a", "+", "%"])
async def test_an_id_may_hold_any_character(world: World, event_id: str) -> None:
    assert (await delete(world, f"/v1/events/{quote(event_id, safe='')}")).status_code == 202
    assert removal_of(world).id == event_id


@pytest.mark.parametrize("event_id", [".", "..", "../x", "a/b", "ü 東京", "+", "%2E", "id=1"])
async def test_an_id_may_be_in_the_query(world: World, event_id: str) -> None:
    assert (await delete(world, f"/v1/events?inbox=x&id={quote(event_id, safe='')}&source=/s")).status_code == 202
    assert removal_of(world).identity == ("a#b", "x", "/s", event_id)


@pytest.mark.parametrize("query", ["", "?", "?id=", "?source=/s", "?id=%ff", "?id=1&id=2", "?id=1&x=2"])
async def test_a_missing_or_invalid_id_in_the_query_is_refused(world: World, query: str) -> None:
    for path in ("/v1/events", "/v1/events/"):
        assert check_problem(await delete(world, path + query), 400)["errors"]
    assert not world.queue.bodies


async def test_a_slash_need_not_be_encoded(world: World) -> None:
    await delete(world, "/v1/events/a/b?inbox=x")
    assert (removal_of(world).id, removal_of(world).inbox) == ("a/b", "x")


@pytest.mark.parametrize("path", ["%FF", "%00", "x" * 256])
async def test_an_invalid_id_is_refused(world: World, path: str) -> None:
    problem = check_problem(await delete(world, f"/v1/events/{path}"), 400)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/id"]


async def test_an_invalid_query_is_refused_with_every_fault(world: World) -> None:
    problem = check_problem(await delete(world, "/v1/events/1?erase=1&inbox=A&source=a%20b&inbox=b&sourc=x"), 400)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/inbox", "/sourc", "/source", "/inbox", "/erase"]
    assert not world.queue.bodies


@pytest.mark.parametrize("query", ["", "?erase=true"])
async def test_a_key_limited_to_types_may_not_ack_by_identity(world: World, query: str) -> None:
    token = await world.token(scopes=[api_key.INBOX_ACK], types=["order.*"])
    check_problem(await delete(world, f"/v1/events/1{query}", token), 403)
    everything = await world.token(scopes=[api_key.INBOX_ACK], types=["*"])
    assert (await delete(world, f"/v1/events/1{query}", everything)).status_code == 202


async def test_without_the_scope_it_is_forbidden(world: World) -> None:
    token = await world.token(scopes=[api_key.EVENTS_WRITE, api_key.INBOX_READ])
    assert "inbox:ack" in check_problem(await delete(world, "/v1/events/1", token), 403)["detail"]


async def test_it_costs_one_and_reports_the_limits(world: World) -> None:
    token = await world.token(scopes=[api_key.INBOX_ACK], rate=1, burst=2)
    answers = [await delete(world, "/v1/events/1", token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[0].headers["ratelimit"].startswith('"default";r=1')


async def test_a_queue_that_is_down_is_503(world: World) -> None:
    world.queue.down = True
    check_problem(await delete(world, "/v1/events/1"), 503)


async def test_the_trace_travels_with_the_message(world: World) -> None:
    await delete(world, "/v1/events/1", traceparent=TRACE)
    (message,) = await world.queue.receive(limit=1, wait_seconds=0, visibility_seconds=1)
    assert message.attributes == {"traceparent": TRACE}
