"""CORS, as a browser of the Fetch standard checks it."""

from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from shared.model import api_key
from shared.model.errors import InvalidSettings
from shared.settings import Settings, load
from tests.fakes.app import DEFAULT, AppWorld, build_all, check_problem

PAGE = "https://shop.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-api-key,ce-ext"}


def world_of(origins: str) -> AppWorld:
    return AppWorld(build_all, Settings(cors_origins=origins), key={"scopes": api_key.SCOPES}, keys={DEFAULT: {}})


@pytest.fixture
async def world() -> AsyncIterator[AppWorld]:
    async with world_of(f"http://other.example:8080,{PAGE}").serving() as world:
        yield world


async def preflight(world: AppWorld, path: str, origin: str = PAGE) -> httpx.Response:
    return await world.client.options(path, headers={"origin": origin, **PREFLIGHT})


def allowed(headers: Mapping[str, str]) -> str | None:
    return headers.get("access-control-allow-origin")


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/1?source=/", "/v1/inbox", "/v1/acks"])
async def test_a_preflight_of_an_allowed_origin_is_granted(world: AppWorld, path: str) -> None:
    answer = await preflight(world, path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert allowed(answer.headers) == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == PREFLIGHT["access-control-request-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["vary"] == "Origin"


async def test_answers_and_errors_can_be_read_by_the_page(world: AppWorld) -> None:
    accepted = await world.post(b'{"type":"a"}', origin=PAGE.upper())
    refused = await world.post(b"{}", origin=PAGE)
    unknown = await world.post(b"{}", key=None, origin=PAGE)
    read = await world.get("/v1/inbox", headers={"origin": PAGE})
    assert accepted.status_code == 202
    check_problem(refused, 400)
    check_problem(unknown, 401)
    assert read.status_code == 200
    for answer in (refused, unknown, read):
        assert allowed(answer.headers) == PAGE
        assert "Location" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin", ["https://shop.example.evil", "http://shop.example", "null", "https://shop.example:1"]
)
async def test_other_origins_get_nothing(world: AppWorld, origin: str) -> None:
    assert allowed((await preflight(world, "/v1/events", origin)).headers) is None
    answer = await world.post(b'{"type":"a"}', origin=origin)
    assert allowed(answer.headers) is None
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", ["/v1/queue", "/v1/dlq", "/healthz"])
async def test_the_other_endpoints_stay_closed(world: AppWorld, path: str) -> None:
    assert allowed((await world.get(path, headers={"origin": PAGE})).headers) is None


async def test_any_origin_may_be_allowed() -> None:
    async with world_of("*").serving() as world:
        assert allowed((await preflight(world, "/v1/events", "null")).headers) == "*"


async def test_it_is_off_by_default() -> None:
    async with world_of("").serving() as world:
        answer = await preflight(world, "/v1/events")
        assert (answer.status_code, allowed(answer.headers)) == (204, None)
        assert "vary" not in answer.headers


@pytest.mark.parametrize("value", ["shop.example", "https://a/", "https://a, https://b", "*,https://a", "ftp://a"])
def test_what_is_no_list_of_origins_is_refused(value: str) -> None:
    with pytest.raises(InvalidSettings, match="CORS_ORIGINS"):
        load({"CORS_ORIGINS": value})
