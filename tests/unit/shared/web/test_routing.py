from collections.abc import AsyncIterator
from functools import partial
from typing import cast

import httpx
import pytest
from litestar import get
from litestar.types import ASGIApp, Send

from shared.model.errors import InvalidRequest
from shared.web.app import Part, build_app
from tests.fakes.app import AppWorld
from tests.unit.shared.web.parts import nothing_to_open, ready


def raising(error: Exception, *, begun: bool = False) -> ASGIApp:
    async def app(*connection: object) -> None:
        if begun:
            send = cast("Send", connection[2])
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    return cast("ASGIApp", app)


@get("/slow")
async def slow() -> str:
    return "litestar"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    part = Part(
        name="part",
        handlers=[slow],
        lifespan=nothing_to_open,
        ready=ready,
        routes={
            ("POST", "/refuse"): raising(InvalidRequest("Not this.")),
            ("POST", "/fail"): raising(RuntimeError("s3cret")),
            ("POST", "/in/{token}"): raising(InvalidRequest("Not here.")),
            ("POST", "/break"): raising(RuntimeError("s3cret"), begun=True),
        },
    )
    async with AppWorld(partial(build_app, parts=[part])).serving() as world:
        yield world.client


async def test_an_error_is_answered_as_litestar_would(client: httpx.AsyncClient) -> None:
    answer = await client.post("/refuse")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "Not this."
    assert answer.json()["instance"].endswith(answer.headers["x-request-id"])


async def test_an_unexpected_error_reveals_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.post("/fail")
    assert answer.status_code == 500
    assert "s3cret" not in answer.text


async def test_a_started_response_is_aborted(client: httpx.AsyncClient) -> None:
    answer = await client.post("/break")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_litestar_serves_all_other_routes(client: httpx.AsyncClient) -> None:
    assert (await client.get("/slow")).text == "litestar"
    assert (await client.get("/refuse")).status_code == 404


@pytest.mark.parametrize(("path", "status"), [("/in/x", 400), ("/in/x%20y", 400), ("/in/", 404), ("/in/x/y", 404)])
async def test_the_last_part_of_a_path_may_be_a_parameter(client: httpx.AsyncClient, path: str, status: int) -> None:
    assert (await client.post(path)).status_code == status
    assert (await client.get(path)).status_code == 404
