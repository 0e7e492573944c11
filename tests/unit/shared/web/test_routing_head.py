from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
from litestar import Response, get, post
from litestar.params import FromPath

from shared.web.app import Part, build_app
from tests.fakes.app import AppWorld
from tests.unit.shared.web.parts import nothing_to_open, ready


@get("/page/{name:str}", sync_to_thread=False)
def page(name: FromPath[str]) -> Response[Any]:
    if name == "broken":
        raise ZeroDivisionError
    return Response(content="é" * 10, headers={"etag": '"1"'})


@post("/page")
async def make() -> None:
    pass


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    part = Part(name="pages", handlers=[page, make], lifespan=nothing_to_open, ready=ready)
    async with AppWorld(partial(build_app, parts=[part])).serving() as world:
        yield world.client


PATHS = ["/healthz", "/readyz", "/status", "/docs", "/redoc", "/openapi.json", "/metrics", "/page/1"]
FAULTS = {"/page/broken": 500, "/nowhere": 404, "/page": 405, "/v1/events/%FF/": 404}


@pytest.mark.parametrize("path", [*PATHS, *FAULTS])
async def test_a_head_has_the_status_and_headers_of_a_get_and_no_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert head.status_code == got.status_code == FAULTS.get(path, 200)
    assert head.content == b""
    changing = {"x-request-id", *({"content-length"} if path == "/metrics" else ())}
    assert {(name, value) for name, value in head.headers.items() if name not in changing} == {
        (name, value) for name, value in got.headers.items() if name not in changing
    }
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/page/1", "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/page/1", "GET, HEAD, OPTIONS"),
        ("HEAD", "/page", "OPTIONS, POST"),
    ],
)
async def test_allow_names_head_where_there_is_a_get(
    client: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    assert (await client.request(method, path)).headers["allow"] == allow


async def test_a_head_is_counted_as_one_by_its_route(client: httpx.AsyncClient) -> None:
    await client.head("/status")
    await client.head("/nowhere")
    counted = (await client.get("/metrics")).text
    for route, status in (("/status", "2xx"), ("other", "4xx")):
        assert f'_count{{method="HEAD",route="{route}",status="{status}"}} 1.0' in counted
