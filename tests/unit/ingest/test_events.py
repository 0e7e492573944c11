"""POST /v1/events over ASGI, with the queue and the keys in memory."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from ingest.app import create_app
from ingest.events import parse_idempotency_key
from shared import keys, pack
from shared.clock import SystemClock
from shared.errors import InvalidRequest, Unavailable
from shared.event import MAX_REQUEST_BYTES, Event
from shared.key_store import MemoryKeyStore
from shared.memory_queue import MemoryQueue
from shared.pack import EventPack
from shared.ports import Outgoing
from shared.position import is_position
from shared.records import Outcome
from shared.settings import Settings
from tests.serving import client_of, serving

Content = bytes | AsyncIterator[bytes]
JSON = {"content-type": "application/json"}


class Queue(MemoryQueue):
    down = False

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        if self.down:
            raise Unavailable("AWS said something internal")
        return await super().send(messages)

    async def backlog(self) -> int:
        if self.down:
            raise Unavailable("AWS said something internal")
        return await super().backlog()

    @property
    def events(self) -> list[Event]:
        packs = map(pack.decode, self.bodies)
        return [event for each in packs if isinstance(each, EventPack) for event in each.events]


class World:
    def __init__(self) -> None:
        self.queue = Queue(SystemClock())
        self.store = MemoryKeyStore()
        self.app: Litestar = create_app(Settings(), queue=self.queue, keys=self.store)
        self.client = client_of(self.app)

    async def token(self, **changes: object) -> str:
        fields: dict[str, object] = {"tenant": "a#b", "name": "n", "scopes": [keys.EVENTS_WRITE]}
        key, token = keys.create(**(fields | changes), now_ms=SystemClock().wall_ms())  # type: ignore[arg-type]
        await self.store.put(key)
        return token

    async def post(self, content: Content, path: str = "/v1/events", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=content, headers=JSON | named)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with serving(world.app), world.client:
        world.client.headers["authorization"] = f"Bearer {await world.token()}"
        yield world


def check_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= problem.keys()
    assert problem["status"] == status
    assert problem["instance"].endswith(answer.headers["x-request-id"])
    return problem


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


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_a_key_may_come_in_either_header(world: World, header: str) -> None:
    token = await world.token()
    del world.client.headers["authorization"]
    value = f"bearer {token}" if header == "authorization" else token
    assert (await world.post(b'{"type":"a"}', **{header: value})).status_code == 202


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer trg_abcd_" + "s" * 40])
async def test_without_a_valid_key_the_answer_is_401(world: World, value: str) -> None:
    answer = await world.post(b'{"type":"a"}', authorization=value)
    check_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not world.queue.events


async def test_a_key_without_the_scope_is_forbidden(world: World) -> None:
    token = await world.token(scopes=[keys.INBOX_READ])
    problem = check_problem(await world.post(b'{"type":"a"}', authorization=f"Bearer {token}"), 403)
    assert "events:write" in problem["detail"]


async def test_a_key_limited_to_types_may_not_send_others(world: World) -> None:
    token = f"Bearer {await world.token(types=['order.*'])}"
    assert (await world.post(b'{"type":"order.paid"}', authorization=token)).status_code == 202
    check_problem(await world.post(b'[{"type":"order.paid"},{"type":"user"}]', authorization=token), 403)
    assert len(world.queue.events) == 1


async def test_limits_are_told_on_every_answer_to_a_key(world: World) -> None:
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
async def test_a_query_that_is_not_understood_is_refused(world: World, query: str) -> None:
    problem = check_problem(await world.post(b'{"type":"a"}', f"/v1/events?{query}"), 400)
    assert problem["errors"]


async def test_another_media_type_is_415_with_those_that_are_read(world: World) -> None:
    answer = await world.post(b"<a/>", content_type="application/xml")
    check_problem(answer, 415)
    assert answer.headers["accept-post"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_405_with_allow(world: World, method: str) -> None:
    answer = await world.client.request(method, "/v1/events")
    check_problem(answer, 405)
    assert answer.headers["allow"] == "POST"


def sized(size: int) -> bytes:
    start, end = b'{"type":"a","data":"', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize("spell", [bytes, chunks])
async def test_512_kib_are_taken_and_one_byte_more_is_not(world: World, spell: Callable[[bytes], Content]) -> None:
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


HURTFUL = [
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


@pytest.mark.parametrize("data", HURTFUL, ids=range(len(HURTFUL)))
async def test_what_hurts_is_taken_byte_for_byte_or_refused(world: World, data: bytes) -> None:
    answer = await world.post(b'{"type":"a","data":' + data + b"}")
    if answer.status_code == 202:
        assert bytes(world.queue.events[0].body).endswith(b'"data":' + data + b"}")
    else:
        assert check_problem(answer, 400)["errors"]
        assert not world.queue.events


async def test_a_queue_that_is_down_is_503_and_says_nothing_internal(world: World) -> None:
    world.queue.down = True
    answer = await world.post(b'{"type":"a"}')
    check_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"
    assert "AWS" not in answer.text
    assert (await world.client.get("/readyz")).status_code == 503


async def test_before_the_lifespan_starts_the_answer_is_503() -> None:
    world = World()
    world.client.headers["authorization"] = f"Bearer {await world.token()}"
    check_problem(await world.post(b'{"type":"a"}'), 503)
    check_problem(await world.client.get("/readyz"), 503)


async def test_the_log_has_one_line_with_what_matters_and_nothing_private(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "triggers.http")
    body = b'{"type":"private-type","id":"private-id","data":"private-data"}'
    await world.post(body, "/v1/events?inbox=private-inbox")
    (record,) = [record for record in caplog.records if record.name == "triggers.http"]
    fields = record.__dict__
    assert (fields["method"], fields["route"], fields["status"]) == ("POST", "/v1/events", 202)
    assert (fields["events"], fields["tenant"], fields["bytes_in"]) == (1, "a#b", len(body))
    assert "private" not in repr(fields)
    assert world.client.headers["authorization"][-20:] not in repr(fields)


async def test_the_document_describes_the_endpoint_and_every_reference_resolves(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    post = document["paths"]["/v1/events"]["post"]
    assert {"202", "400", "401", "403", "413", "415", "429", "503"} == post["responses"].keys()
    assert document["components"]["securitySchemes"].keys() == {"bearer", "header"}
    references = set(_references(document))
    assert "#/components/schemas/Posted" in references
    assert {reference.rpartition("/")[2] for reference in references} <= document["components"]["schemas"].keys()


async def test_the_examples_of_the_document_are_accepted(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    content = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    for media_type, described in content.items():
        for example in described["examples"].values():
            answer = await world.post(msgspec.json.encode(example["value"]), content_type=media_type)
            assert answer.status_code == 202


def _references(node: object) -> list[str]:
    match node:
        case dict():
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in _references(value)]
        case list():
            return [found for value in node for found in _references(value)]
        case _:
            return []


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
def test_an_idempotency_key_is_read_quoted_or_bare(value: bytes, key: str) -> None:
    assert parse_idempotency_key(value) == key


@pytest.mark.parametrize("value", [b"", b'""', b"x" * 256, b'"a', b'"a"b"', b"\xc3\xbc", b"a\tb", b'"a\\x"'])
def test_an_idempotency_key_of_another_form_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_idempotency_key(value)
