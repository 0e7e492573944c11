"""The Lambda adapter, held against Mangum's, and what it does that Mangum does not."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromQuery
from litestar.types import HTTPSendMessage
from mangum.handlers.api_gateway import HTTPGateway

from shared.web.aws_lambda import LambdaApp, answer_of, body_of, scope_of

SAMPLE = (Path(__file__).parent / "aws_events" / "http.json").read_bytes()
CONFIG: Any = {
    "api_gateway_base_path": "/",
    "text_mime_types": ["text/", "application/json", "application/problem+json"],
    "exclude_headers": [],
}
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
NAMES = st.sampled_from(["Content-Type", "x-one", "X-Two", "accept", "host"])
HEADERS = st.dictionaries(NAMES, st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=":")))
PATHS = st.text(st.characters(codec="utf-8", exclude_characters="%"), max_size=30).map(lambda path: f"/{path}")


def request(path: str = "/", method: str = "GET", **fields: object) -> dict[str, Any]:
    """Return a request as the HTTP API hands it over; `path` as it leaves the client."""
    event: dict[str, Any] = msgspec.json.decode(SAMPLE)
    event["requestContext"]["http"] |= {"method": method, "path": path}
    return event | {"rawPath": path, "rawQueryString": "", "body": None} | fields


@given(path=PATHS, query=TEXT.map(quote), headers=HEADERS, cookies=st.lists(TEXT, max_size=2))
def test_the_scope_is_mangums(path: str, query: str, headers: dict[str, str], cookies: list[str]) -> None:
    event = request(path, rawQueryString=query, headers=headers, cookies=cookies)
    ours, mangums = dict(scope_of(event)), HTTPGateway(event, cast("Any", None), CONFIG).scope

    # Mangum takes a request without Host for its own, on port 80.
    same = {"type", "method", "http_version", "path", "root_path", "scheme", "query_string", "client"}
    assert {name: ours[name] for name in same} == {name: mangums[name] for name in same}
    assert [list(header) for header in cast("Any", ours["headers"])] == mangums["headers"]


def test_host_and_port_are_mangums() -> None:
    event = msgspec.json.decode(SAMPLE)
    assert scope_of(event)["server"] == HTTPGateway(event, cast("Any", None), CONFIG).scope["server"]


@given(body=st.one_of(st.none(), TEXT, st.binary(max_size=30)))
def test_the_body_is_mangums(body: str | bytes | None) -> None:
    binary = isinstance(body, bytes)
    event = request(body=base64.b64encode(body).decode() if isinstance(body, bytes) else body, isBase64Encoded=binary)
    assert body_of(event) == HTTPGateway(event, cast("Any", None), CONFIG).body


@given(
    status=st.integers(200, 599),
    headers=st.dictionaries(st.sampled_from(["Content-Type", "X-One", "set-cookie"]), st.just("text/plain")),
    chunks=st.lists(st.one_of(TEXT.map(str.encode), st.binary(max_size=30)), min_size=1, max_size=3),
)
def test_the_answer_is_mangums(status: int, headers: dict[str, str], chunks: list[bytes]) -> None:
    spelled = [(name.encode(), value.encode()) for name, value in {"content-type": "text/plain", **headers}.items()]
    sent: list[Any] = [{"type": "http.response.start", "status": status, "headers": spelled}]
    sent += [{"type": "http.response.body", "body": chunk, "more_body": True} for chunk in chunks]
    event = request()
    mangums = HTTPGateway(event, cast("Any", None), CONFIG)(
        cast("Any", {"status": status, "headers": spelled, "body": b"".join(chunks)})
    )
    # Mangum joins repeated headers without a space, which means the same.
    mangums["headers"] = {name: value.replace(",", ", ") for name, value in mangums["headers"].items()}
    assert answer_of(cast("list[HTTPSendMessage]", sent)) == mangums


@pytest.mark.parametrize(
    ("sent", "arrives", "means"),
    [("a%20b", "a b", "a b"), ("a%252Fb", "a%252Fb", "a%2Fb"), ("a%2Fb", "a/b", "a/b"), ("100%25", "100%25", "100%")],
)
def test_a_path_means_what_the_client_sent(sent: str, arrives: str, means: str) -> None:
    # An HTTP API hands over every escape decoded, but for `%25`.
    scope = scope_of(request(f"/{arrives}"))
    assert scope["path"] == f"/{means}"
    assert scope["raw_path"] == f"/{quote(means)}".encode()
    assert sent


def test_half_a_surrogate_pair_becomes_bytes_that_are_no_utf_8() -> None:
    assert body_of(request(body='{"type":"\ud800"}')) == b'{"type":"\xed\xa0\x80"}'


class Counting:
    """An app that counts how often it started, and can be kept from it."""

    def __init__(self) -> None:
        self.starts = 0
        self.ends = 0
        self.broken = False
        self.loops: set[int] = set()
        handlers = [self._echo(), self._page()]
        self.app = Litestar(handlers, lifespan=[self._lifespan], openapi_config=None, logging_config=None)

    @asynccontextmanager
    async def _lifespan(self, _: Litestar) -> AsyncIterator[None]:
        if self.broken:
            raise ConnectionError("AWS does not answer")
        self.starts += 1
        yield
        self.ends += 1

    def _echo(self) -> Any:
        @post("/echo", status_code=200)
        async def echo(request: Request[Any, Any, Any]) -> Response[bytes]:
            self.loops.add(id(asyncio.get_running_loop()))
            return Response(await request.body(), media_type="application/json", cookies=[Cookie("a", value="1")])

        return echo

    def _page(self) -> Any:
        @get("/page")
        async def page(size: FromQuery[int]) -> Response[bytes]:
            return Response(b'"' * size, media_type="application/json")

        return page


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def function(counting: Counting) -> Iterator[LambdaApp]:
    started = LambdaApp(counting.app)
    yield started
    started.close()


def test_one_start_and_one_loop_serve_all_requests(counting: Counting, function: LambdaApp) -> None:
    answers = [function(request("/echo", "POST", body=f"[{n}]"), None) for n in range(3)]
    assert [answer["body"] for answer in answers] == ["[0]", "[1]", "[2]"]
    assert (counting.starts, counting.ends, len(counting.loops)) == (1, 0, 1)


def test_an_app_starts_before_the_first_request_and_ends_when_closed(counting: Counting) -> None:
    function = LambdaApp(counting.app)
    assert (counting.starts, counting.ends) == (1, 0)
    function.close()
    assert (counting.starts, counting.ends) == (1, 1)


def test_ended_is_called_after_each_invocation_even_a_failed_one(counting: Counting) -> None:
    ended: list[int] = []
    function = LambdaApp(counting.app, lambda: ended.append(len(ended)))
    function(request("/echo", "POST", body="1"), None)
    with pytest.raises(KeyError):
        function({}, None)
    assert ended == [0, 1]
    function.close()


def test_a_failed_start_is_retried_at_each_request(counting: Counting) -> None:
    counting.broken = True
    function = LambdaApp(counting.app)
    assert function(request("/echo", "POST", body="1"), None)["statusCode"] == 200
    assert counting.starts == 0
    counting.broken = False
    function(request("/echo", "POST", body="1"), None)
    function(request("/echo", "POST", body="1"), None)
    assert counting.starts == 1
    function.close()


def test_closing_what_never_started_closes_the_loop_alone(counting: Counting) -> None:
    counting.broken = True
    LambdaApp(counting.app).close()
    assert counting.ends == 0


def test_cookies_are_separate_from_the_headers(function: LambdaApp) -> None:
    answer = function(request("/echo", "POST", body="1"), None)
    assert [cookie.partition(";")[0] for cookie in answer["cookies"]] == ["a=1"]
    assert "set-cookie" not in answer["headers"]


@pytest.mark.parametrize("size", [10, 3_000_000, 3_000_001, 4 * 1024 * 1024])
def test_the_largest_page_fits_into_what_lambda_takes(function: LambdaApp, size: int) -> None:
    answer = function(request("/page", rawQueryString=f"size={size}"), None)
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    assert body == b'"' * size
    assert len(msgspec.json.encode(answer)) < 6_291_556
