"""POST /v1/events over ASGI, with the queue and the keys in memory."""

import asyncio
import logging

import pytest

from ingest.events import parse_idempotency_key
from ingest.formats.registry import READERS
from shared.model import api_key, pack
from shared.model.errors import InvalidRequest
from shared.model.pack import EventPack
from shared.model.position import is_position
from shared.settings import Settings
from tests.fakes.app import DEFAULT, check_problem
from tests.unit.ingest.serving import World

METHODS = "DELETE, GET, HEAD, OPTIONS, POST"


async def test_one_event_is_answered_with_its_identity_and_receipt(world: World) -> None:
    answer = await world.post(b'{"type":"order.created","source":"/shop","id":"o 1/\xc3\xbc","data":{"a": 1}}')
    assert answer.status_code == 202
    body = answer.json()
    receipt = body.pop("receipt")
    assert is_position(receipt)
    assert body == {"id": "o 1/ü", "source": "/shop", "inbox": "default"}
    assert answer.headers["location"] == "/v1/events/o%201%2F%C3%BC?source=/shop&inbox=default"
    (event,) = world.queue.events
    assert (event.receipt, event.id, event.type) == (receipt, "o 1/ü", "order.created")
    assert b'"data":{"a": 1}' in bytes(event.body)


async def test_the_pack_names_the_tenant_and_the_key_of_the_token(world: World) -> None:
    token = await world.token(tenant="other")
    assert (await world.post(b'{"type":"a"}', authorization=f"Bearer {token}")).status_code == 202
    sent = pack.decode(world.queue.bodies[0])
    assert isinstance(sent, EventPack)
    assert (sent.tenant, sent.key_id) == ("other", token.split("_")[1])


async def test_an_id_that_clients_would_change_in_a_path_is_located_by_a_query(world: World) -> None:
    answer = await world.post(b'{"type":"a","id":"../ +","source":"/a"}')
    assert answer.headers["location"] == "/v1/events?id=..%2F%20%2B&source=/a&inbox=default"


async def test_a_batch_is_answered_in_its_order_without_a_location(world: World) -> None:
    answer = await world.post(b'[{"type":"a","id":"1"},{"type":"b","inbox":"x"}]', "/v1/events?inbox=orders")
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [event["inbox"] for event in answer.json()["events"]] == ["orders", "x"]
    assert "location" not in answer.headers
    assert len(world.queue.events) == 2


async def test_a_repeated_post_with_an_idempotency_key_answers_with_the_same_id(world: World) -> None:
    answers = [await world.post(b'{"type":"a"}', idempotency_key='"k 1"') for _ in range(2)]
    assert [answer.json()["id"] for answer in answers] == ["k 1", "k 1"]
    assert len({answer.json()["receipt"] for answer in answers}) == 2


async def test_concurrent_requests_are_all_answered(world: World) -> None:
    answers = await asyncio.gather(*(world.post(b'{"type":"a","id":"%d"}' % number) for number in range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert sorted(int(event.id) for event in world.queue.events) == list(range(100))


async def test_requests_past_the_limit_are_refused_at_once_and_the_others_answered() -> None:
    async with World(Settings(max_posts=20)).serving() as world:
        assert (await world.post(b'{"type":"a"}')).status_code == 202  # the key is now cached
        world.queue.unblocked.clear()
        posts = [asyncio.create_task(world.post(b'{"type":"a"}')) for _ in range(11)]
        [first], _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        check_problem(first.result(), 503)
        assert first.result().headers["retry-after"] == "1"
        world.queue.unblocked.set()
        answers = await asyncio.gather(*posts)
        assert sorted(answer.status_code for answer in answers) == [202] * 10 + [503]
        assert (await world.post(b'{"type":"a"}')).status_code == 202


async def test_another_spelling_of_the_path_is_the_same(world: World) -> None:
    assert (await world.post(b'{"type":"a"}', "/v1/events/")).status_code == 202


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_a_key_may_come_in_either_header(world: World, header: str) -> None:
    token = await world.token()
    value = f"bearer {token}" if header == "authorization" else token
    assert (await world.post(b'{"type":"a"}', key=None, **{header: value})).status_code == 202


async def test_a_key_counts_beside_credentials_that_a_proxy_added(world: World) -> None:
    token = await world.token()
    for foreign in ("Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "Basic YTpi"):
        answer = await world.post(b'{"type":"a"}', authorization=foreign, x_api_key=f" {token} ")
        assert answer.status_code == 202


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer trg_abcd_" + "s" * 40])
async def test_without_a_valid_key_the_answer_is_401(world: World, value: str) -> None:
    answer = await world.post(b'{"type":"a"}', authorization=value)
    check_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not world.queue.events


async def test_a_key_without_the_scope_is_forbidden(world: World) -> None:
    token = await world.token(scopes=[api_key.INBOX_READ])
    problem = check_problem(await world.post(b'{"type":"a"}', authorization=f"Bearer {token}"), 403)
    assert "events:write" in problem["detail"]


async def test_a_key_limited_to_types_may_not_send_others(world: World) -> None:
    token = f"Bearer {await world.token(types=['order.*'])}"
    assert (await world.post(b'{"type":"order.paid"}', authorization=token)).status_code == 202
    check_problem(await world.post(b'[{"type":"order.paid"},{"type":"user"}]', authorization=token), 403)
    assert len(world.queue.events) == 1


async def test_every_answer_to_a_key_carries_its_limits(world: World) -> None:
    fine = await world.post(b'{"type":"a"}')
    refused = await world.post(b"{}")
    for answer in (fine, refused):
        assert answer.headers["ratelimit-policy"] == '"default";q=1000;w=1'
        assert answer.headers["ratelimit"].startswith('"default";r=19')


async def test_over_the_rate_is_429_with_retry_after(world: World) -> None:
    token = f"Bearer {await world.token(rate=1, burst=3)}"
    assert (await world.post(b'[{"type":"a"},{"type":"a"},{"type":"a"}]', authorization=token)).status_code == 202
    answer = await world.post(b'{"type":"a"}', authorization=token)
    check_problem(answer, 429)
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["ratelimit"] == '"default";r=0;t=3'
    assert len(world.queue.events) == 3


async def test_refused_requests_are_not_free(world: World) -> None:
    token = f"Bearer {await world.token(rate=1, burst=2)}"
    statuses = [(await world.post(b"{", authorization=token)).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]


async def test_every_fault_is_in_the_answer_and_nothing_is_accepted(world: World) -> None:
    problem = check_problem(await world.post(b'[{"type":"a"},{"typ":1},{"type":"a","id":""}]'), 400)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/1/type", "/1/typ", "/2/id"]
    assert not world.queue.events


@pytest.mark.parametrize("query", ["inbo=a", "inbox=A", "inbox=", "inbox=a&inbox=b", "inbox=a&x", "inbox=%ff"])
async def test_an_invalid_query_is_refused(world: World, query: str) -> None:
    problem = check_problem(await world.post(b'{"type":"a"}', f"/v1/events?{query}"), 400)
    assert problem["errors"]


async def test_another_media_type_is_415_with_the_supported_ones(world: World) -> None:
    answer = await world.post(b"<a/>", content_type="application/xml")
    check_problem(answer, 415)
    assert answer.headers["accept-post"] == ", ".join(READERS)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_another_method_is_405_with_allow(world: World, method: str) -> None:
    answer = await world.client.request(method, "/v1/events")
    check_problem(answer, 405)
    assert answer.headers["allow"] == METHODS


async def test_options_lists_the_methods(world: World) -> None:
    answer = await world.client.request("OPTIONS", "/v1/events")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, METHODS, b"")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"type":"a"}'),
        ("application/json; charset=utf-8", b'[{"type":"a"}]'),
        ("application/x-ndjson", b'{"type":"a"}\n'),
        ("application/cloudevents+json", b'{"specversion":"1.0","id":"1","source":"s","type":"a"}'),
        ("application/cloudevents-batch+json", b'[{"specversion":"1.0","id":"1","source":"s","type":"a"}]'),
    ],
)
async def test_a_byte_order_mark_before_the_body_is_ignored(world: World, content_type: str, body: bytes) -> None:
    answer = await world.post(b"\xef\xbb\xbf" + body, content_type=content_type)
    assert answer.status_code == 202
    check_problem(await world.post(b"\xef\xbb\xbf" * 2 + body, content_type=content_type), 400)


async def test_a_queue_that_is_down_is_503_without_internals(world: World) -> None:
    world.queue.down = True
    answer = await world.post(b'{"type":"a"}')
    check_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"
    assert "AWS" not in answer.text
    assert (await world.client.get("/readyz")).status_code == 503


async def test_before_the_lifespan_starts_the_answer_is_503() -> None:
    world = World()
    token = await world.token()
    check_problem(await world.post(b'{"type":"a"}', key=None, authorization=f"Bearer {token}"), 503)
    check_problem(await world.client.get("/readyz"), 503)


async def test_the_log_has_one_line_without_private_data(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "triggers.http")
    body = b'{"type":"private-type","id":"private-id","data":"private-data"}'
    await world.post(body, "/v1/events?inbox=private-inbox")
    (record,) = [record for record in caplog.records if record.name == "triggers.http"]
    fields = record.__dict__
    assert (fields["method"], fields["route"], fields["status"]) == ("POST", "/v1/events", 202)
    assert (fields["events"], fields["tenant"], fields["bytes_in"]) == (1, "a#b", len(body))
    assert "private" not in repr(fields)
    assert world.tokens[DEFAULT][-20:] not in repr(fields)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b"k", "k"),
        (b" k-1 ", "k-1"),
        (b'"k"', "k"),
        (b'"a \\"b\\" \\\\"', 'a "b" \\'),
        (b"x" * 255, "x" * 255),
        (b'a"b', 'a"b'),
    ],
)
def test_an_idempotency_key_may_be_quoted(value: bytes, key: str) -> None:
    assert parse_idempotency_key(value) == key


@pytest.mark.parametrize("value", [b"", b'""', b"x" * 256, b'"a', b'"a"b"', b"\xc3\xbc", b"a\tb", b'"a\\x"'])
def test_an_invalid_idempotency_key_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_idempotency_key(value)
