"""POST /v1/acks over ASGI, with the queue and the keys in memory."""

import gzip
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from ingest.acks import MAX_POSITIONS, read_acks
from ingest.formats.validation import MAX_FAULTS
from shared.clock import SystemClock
from shared.model import api_key, pack
from shared.model.errors import InvalidRequest
from shared.model.event import MAX_REQUEST_BYTES
from shared.model.pack import AckPack
from shared.model.position import Minter
from tests.fakes.app import Content, check_problem
from tests.unit.ingest.serving import World

POSITION = "0199c0de-1f2e-7a3b-8c4d-5e6f708192a3"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"


async def ack(world: World, content: Content, token: str | None = None, **headers: str) -> httpx.Response:
    token = token or await world.token(scopes=[api_key.INBOX_ACK])
    return await world.post(content, "/v1/acks", **({"authorization": f"Bearer {token}"} | headers))


def positions(count: int) -> list[str]:
    minter = Minter(SystemClock())
    return [minter.mint() for _ in range(count)]


async def test_acks_go_to_the_queue_in_their_own_pack(world: World) -> None:
    token, before = await world.token(tenant="t", scopes=[api_key.INBOX_ACK]), world.clock.wall_ms()
    sent = positions(3)
    answer = await ack(world, msgspec.json.encode({"inbox": "orders", "positions": sent}), token)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3})
    (body,) = world.queue.bodies
    taken = pack.decode(body)
    assert isinstance(taken, AckPack)
    assert (taken.tenant, taken.key_id, taken.inbox) == ("t", token.split("_")[1], "orders")
    assert taken.positions == sent
    assert before <= taken.accepted_at <= world.clock.wall_ms()


async def test_the_inbox_defaults_to_default(world: World) -> None:
    assert (await ack(world, b'{"positions":["%b"]}' % POSITION.encode())).status_code == 202
    taken = pack.decode(world.queue.bodies[0])
    assert isinstance(taken, AckPack)
    assert taken.inbox == "default"


async def test_a_position_given_twice_is_acked_once(world: World) -> None:
    answer = await ack(world, msgspec.json.encode({"positions": [POSITION, POSITION]}))
    assert answer.json() == {"accepted": 2}
    taken = pack.decode(world.queue.bodies[0])
    assert isinstance(taken, AckPack)
    assert taken.positions == [POSITION]


async def test_a_key_limited_to_types_may_ack_by_position(world: World) -> None:
    token = await world.token(scopes=[api_key.INBOX_ACK], types=["order.*"])
    assert (await ack(world, msgspec.json.encode({"positions": [POSITION]}), token)).status_code == 202
    (body,) = world.queue.bodies
    taken = pack.decode(body)
    assert isinstance(taken, AckPack)
    assert taken.types == ("order.*",)


async def test_a_compressed_body_is_read(world: World) -> None:
    body = gzip.compress(msgspec.json.encode({"positions": positions(MAX_POSITIONS)}))
    answer = await ack(world, body, content_encoding="gzip")
    assert answer.json() == {"accepted": MAX_POSITIONS}


async def test_the_trace_travels_with_the_message(world: World) -> None:
    await ack(world, msgspec.json.encode({"positions": [POSITION]}), traceparent=TRACE)
    (message,) = await world.queue.receive(limit=1, wait_seconds=0, visibility_seconds=1)
    assert message.attributes == {"traceparent": TRACE}


async def test_each_position_costs_one(world: World) -> None:
    token = await world.token(scopes=[api_key.INBOX_ACK], rate=1, burst=3)
    body = msgspec.json.encode({"positions": positions(3)})
    assert (await ack(world, body, token)).status_code == 202
    check_problem(await ack(world, body, token), 429)
    assert len(world.queue.bodies) == 1


async def test_a_refused_request_costs_one(world: World) -> None:
    token = await world.token(scopes=[api_key.INBOX_ACK], rate=1, burst=2)
    assert [(await ack(world, b"{", token)).status_code for _ in range(3)] == [400, 400, 429]


async def test_without_the_scope_it_is_forbidden(world: World) -> None:
    token = await world.token(scopes=[api_key.EVENTS_WRITE, api_key.INBOX_READ])
    problem = check_problem(await ack(world, b"{}", token), 403)
    assert "inbox:ack" in problem["detail"]


async def test_without_a_key_it_is_401(world: World) -> None:
    check_problem(await ack(world, b"{}", authorization=""), 401)


async def test_a_queue_that_is_down_is_503(world: World) -> None:
    world.queue.down = True
    answer = await ack(world, msgspec.json.encode({"positions": [POSITION]}))
    check_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"


async def test_another_media_type_is_415_with_the_supported_one(world: World) -> None:
    answer = await ack(world, b"{}", content_type="application/x-ndjson")
    check_problem(answer, 415)
    assert answer.headers["accept-post"] == "application/json"


async def test_a_body_too_large_is_413(world: World) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b" " * MAX_REQUEST_BYTES
        yield b" "

    check_problem(await ack(world, content()), 413)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_another_method_is_405(world: World, method: str) -> None:
    answer = await world.client.request(method, "/v1/acks")
    check_problem(answer, 405)
    assert "POST" in answer.headers["allow"]


def faults_of(body: bytes) -> list[str | None]:
    with pytest.raises(InvalidRequest) as caught:
        read_acks(body)
    return [fault.pointer for fault in caught.value.faults]


def test_every_fault_is_listed() -> None:
    bad = [POSITION.upper(), "x", 7, None, POSITION, "0199c0de-1f2e-4a3b-8c4d-5e6f708192a3"]
    body = msgspec.json.encode({"inbox": "A", "position": 1, "positions": bad, "a/b": 1})[:-1] + b',"inbox":"B"}'
    at = ["/inbox", "/position", "/a~1b", "/inbox"]
    assert faults_of(body) == [*at, *(f"/positions/{index}" for index in (0, 1, 2, 3, 5))]


@pytest.mark.parametrize(
    "given", [b"[]", b"null", b'"x"', b"{}", msgspec.json.encode(["x"] * (MAX_POSITIONS + 1))], ids=range(5)
)
def test_there_are_1_to_1000_positions(given: bytes) -> None:
    assert faults_of(b'{"positions":' + given + b"}") == ["/positions"]


def test_positions_must_be_given() -> None:
    assert faults_of(b"{}") == ["/positions"]


@pytest.mark.parametrize("body", [b"[]", b"1", b"null"])
def test_the_body_must_be_an_object(body: bytes) -> None:
    assert faults_of(body) == [""]


@pytest.mark.parametrize("body", [b"", b"{", b'{"positions":["\xff"]}', b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"])
def test_invalid_json_is_refused(body: bytes) -> None:
    assert faults_of(body) == [None]


def test_the_list_of_faults_is_bounded() -> None:
    fields = {f"x{number}": 1 for number in range(2 * MAX_FAULTS)}
    assert len(faults_of(msgspec.json.encode(fields))) == MAX_FAULTS
