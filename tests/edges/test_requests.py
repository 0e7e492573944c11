"""Requests at the edge of HTTP/1.1, each with its documented answer."""

import asyncio

import pytest

from tests.edges.raw import Wire, ask, request
from tests.edges.running import Running

pytestmark = pytest.mark.slow

EVENT = b'{"type":"edge","data":1}'
CHUNKED = "Transfer-Encoding: chunked"
POST = "POST /v1/events HTTP/1.1\r\nHost: edges\r\n"


def keyed(server: Running, *headers: str) -> tuple[str, ...]:
    return ("Content-Type: application/json", f"X-API-Key: {server.token}", *headers)


async def test_a_url_with_its_host_and_no_path(server: Running) -> None:
    answer, _ = await ask(server.port, request("GET", "http://edges"))
    assert answer is not None
    assert answer.status == 200


async def test_a_long_url(server: Running) -> None:
    fits, _ = await ask(server.port, request("GET", "/" + "a" * 16_000))
    assert fits is not None
    assert fits.status == 404
    for size in (17_000, 100_000, 1_000_000):
        answer, hung_up = await ask(server.port, request("GET", "/?q=" + "a" * size))
        assert answer is not None
        assert (answer.status, hung_up) == (414, True)
        assert "16,384" in answer.problem()["detail"]


@pytest.mark.parametrize(
    "headers", [["A: b"] * 200, ["A: " + "b" * 40_000], ["A" * 40_000 + ": b"], ["A: " + "b" * 1000] * 40]
)
async def test_too_many_headers_and_too_large_ones(server: Running, headers: list[str]) -> None:
    answer, hung_up = await ask(server.port, request("GET", "/healthz", *headers))
    assert answer is not None
    assert (answer.status, hung_up) == (431, True)
    answer.problem()


async def test_headers_within_the_bounds(server: Running) -> None:
    answer, hung_up = await ask(server.port, request("GET", "/healthz", *["A: " + "b" * 300] * 90))
    assert answer is not None
    assert (answer.status, hung_up) == (200, False)


async def test_a_body_too_large_gets_its_answer_while_it_is_still_coming(server: Running) -> None:
    head = request("POST", "/v1/events", *keyed(server), "Content-Length: 600000")
    answer, _ = await ask(server.port, head, b" " * 600_000)
    assert answer is not None
    assert answer.status == 413
    answer.problem()


async def test_trailers_are_ignored(server: Running) -> None:
    """A key behind the body is no key, and the connection continues."""
    head = f"{POST}Content-Type: application/json\r\n{CHUNKED}\r\nTrailer: X-API-Key\r\n".encode()
    chunk = b"%x\r\n%b\r\n0\r\n" % (len(EVENT), EVENT)
    trailer = f"X-API-Key: {server.token}\r\n\r\n".encode()
    wire = await Wire.open(server.port)
    await wire.send(head + b"\r\n" + chunk + trailer)
    first = await wire.answer()
    key = f"X-API-Key: {server.token}\r\n\r\n".encode()
    await wire.send(head + key + chunk + b"X-API-Key: trg_none\r\nX-Request-ID: late\r\n\r\n")
    second = await wire.answer()
    wire.close()
    assert first is not None
    assert first.status == 401
    assert second is not None
    assert second.status == 202
    assert second.headers["x-request-id"] != "late"


async def test_too_many_trailers(server: Running) -> None:
    head = f"{POST}X-API-Key: {server.token}\r\nContent-Type: application/json\r\n{CHUNKED}\r\n\r\n".encode()
    chunk = b"%x\r\n%b\r\n0\r\n" % (len(EVENT), EVENT)
    answer, hung_up = await ask(server.port, head + chunk, b"A: b\r\n" * 200)
    assert answer is not None
    assert (answer.status, hung_up) == (431, True)


OFFERS = {
    "curl --http2": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
    "Java's HttpClient": ("Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAEAAEAAAAIAAAAB", "Upgrade: h2c"),
    "WebSocket": ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="),
    "TLS": ("Upgrade: TLS/1.2", "connection: upgrade"),
}  # fmt: skip


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("chunked", [False, True])
async def test_an_offer_to_upgrade_is_ignored(server: Running, offer: tuple[str, ...], *, chunked: bool) -> None:
    """The body counts, whichever segment it comes in, and the connection continues."""
    framing = CHUNKED if chunked else f"Content-Length: {len(EVENT)}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(EVENT), EVENT) if chunked else EVENT
    head = request("POST", "/v1/events", *keyed(server), *offer, framing)
    wire = await Wire.open(server.port)
    for pieces in (
        [head + body],
        [head, body],
        [head[:50], head[50:] + body[:5], body[5:]],
        [head + body + head, body],
    ):
        for piece in pieces:
            await wire.send(piece)
            await asyncio.sleep(0.02)
        answer = await wire.answer()
        assert answer is not None
        assert answer.status == 202, answer
        assert "upgrade" not in answer.headers
    assert (await wire.answer()) is not None  # of the fifth, which came with the fourth
    await wire.send(request("GET", "/v1/inbox?limit=1", *keyed(server), *offer))
    page = await wire.answer()
    wire.close()
    assert page is not None
    assert page.status == 200


async def test_an_offer_to_upgrade_may_ask_to_close(server: Running) -> None:
    head = request("POST", "/v1/events", *keyed(server), "Upgrade: h2c", "Connection: upgrade, close", body=EVENT)
    answer, hung_up = await ask(server.port, head)
    assert answer is not None
    assert (answer.status, hung_up) == (202, True)


async def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    wire = await Wire.open(server.port)
    await wire.send(b"".join(request("GET", "/healthz", f"X-Request-ID: {number}") for number in range(17)))
    answers = [await wire.answer() for _ in range(17)]
    await wire.send(request("GET", "/healthz"))
    after = await wire.answer()
    wire.close()
    assert [answer.headers["x-request-id"] for answer in answers if answer] == [str(number) for number in range(17)]
    assert after is not None


async def test_past_17_pipelined_requests_the_last_answer_closes(server: Running) -> None:
    wire = await Wire.open(server.port)
    await wire.send(request("GET", "/healthz") * 40)
    answers = [await wire.answer() for _ in range(17)]
    hung_up = await wire.ended()
    wire.close()
    assert [answer.status for answer in answers if answer] == [200] * 17
    assert answers[-1] is not None
    assert answers[-1].headers["connection"] == "close"
    assert hung_up


async def test_a_malformed_request_behind_a_good_one_does_not_cost_it_its_answer(server: Running) -> None:
    good = request("POST", "/v1/events", *keyed(server), body=EVENT)
    answer, hung_up = await ask(server.port, good + b"GET / HTTP/1.1\nHost: a\n\n")
    assert answer is not None
    assert (answer.status, hung_up) == (202, True)


@pytest.mark.parametrize("apart", [False, True])
async def test_a_client_that_half_closes_gets_its_answer(server: Running, *, apart: bool) -> None:
    for ask_for in (
        request("POST", "/v1/events", *keyed(server), body=EVENT),
        request("GET", "/v1/inbox?inbox=full&limit=1000", *keyed(server)),
    ):
        wire = await Wire.open(server.port)
        await wire.send(ask_for)
        if apart:
            await asyncio.sleep(0.001)
        wire.half_close()
        answer = await wire.answer()
        assert answer is not None
        assert answer.status in {200, 202}
        assert await wire.ended()
        wire.close()


async def test_a_long_poll_ends_when_its_client_half_closes(server: Running) -> None:
    """It looks like a client that left; its place is not held for 20 s."""
    wire = await Wire.open(server.port)
    await wire.send(request("GET", "/v1/inbox?inbox=empty&wait=20", *keyed(server)))
    await asyncio.sleep(0.1)
    wire.half_close()
    answer = await wire.answer(timeout_seconds=5)
    wire.close()
    assert answer is not None
    assert answer.status == 499


async def test_a_client_that_half_closes_in_its_body_is_hung_up_on(server: Running) -> None:
    wire = await Wire.open(server.port)
    await wire.send(request("POST", "/v1/events", *keyed(server), "Content-Length: 100") + EVENT)
    wire.half_close()
    assert await wire.ended()
    wire.close()


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/healthz"),
        ("HEAD", "/healthz"),
        ("GET", "/v1/inbox"),
        ("OPTIONS", "/v1/inbox"),
        ("DELETE", "/v1/events/1"),
    ],
)
async def test_every_method_may_come_with_a_body_and_the_connection_continues(
    server: Running, method: str, target: str
) -> None:
    wire = await Wire.open(server.port)
    await wire.send(request(method, target, *keyed(server), body=b"x" * 1000))
    first = await wire.answer(to_head=method == "HEAD")
    await wire.send(request("GET", "/healthz"))
    second = await wire.answer()
    wire.close()
    assert first is not None
    assert first.status < 500
    assert second is not None
    assert second.status == 200


async def test_a_head_request_may_ask_to_close(server: Running) -> None:
    wire = await Wire.open(server.port)
    await wire.send(request("HEAD", "/healthz", "Connection: close"))
    answer = await wire.answer(to_head=True)
    assert answer is not None
    assert answer.status == 200
    assert await wire.ended()
    wire.close()


async def test_a_client_that_waits_for_100_continue(server: Running) -> None:
    wire = await Wire.open(server.port)
    await wire.send(
        request("POST", "/v1/events", *keyed(server), "Expect: 100-continue", f"Content-Length: {len(EVENT)}")
    )
    interim = await wire.answer()
    await wire.send(EVENT)
    answer = await wire.answer()
    wire.close()
    assert interim is not None
    assert answer is not None
    assert (interim.status, answer.status) == (100, 202)


async def test_http_1_0_needs_no_host(server: Running) -> None:
    answer, hung_up = await ask(server.port, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert answer is not None
    assert (answer.status, hung_up) == (200, True)


async def test_empty_lines_between_requests_are_nothing(server: Running) -> None:
    wire = await Wire.open(server.port)
    for _ in range(3):
        await wire.send(b"\r\n\r\n" + request("GET", "/healthz") + b"\r\n")
        answer = await wire.answer()
        assert answer is not None
        assert answer.status == 200
    wire.close()


async def test_a_new_connection_may_not_be_kept_with_empty_lines(server: Running) -> None:
    wire = await Wire.open(server.port)
    await wire.send(b"\r\n\r\n")
    assert await wire.ended(timeout_seconds=5)
    wire.close()


async def test_large_bodies_in_chunks_of_any_size_are_taken(server: Running) -> None:
    data = b'{"type":"edge","data":"%b"}' % (b"x" * 200_000)
    head = request("POST", "/v1/events", *keyed(server), CHUNKED)
    for size in (16, 1000, 65_536, 300_000):
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        body = b"".join(b"%x;note=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        answer, _ = await ask(server.port, head + body)
        assert answer is not None
        assert answer.status == 202, (size, answer)
