"""What all HTTP apps have in common, on an app of a few routes."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

import pytest
from litestar import Request, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, Parameter

from shared.memory.backend import MemoryBackend
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key
from shared.model.errors import Forbidden, NotFound, Rejected, Unavailable, Unclear
from shared.ports import Backend
from shared.settings import Settings
from shared.web.app import Part, build_app
from shared.web.auth import needs
from tests.fakes.app import AppWorld
from tests.fakes.waiting import until
from tests.serving import client_of


@get("/who", guards=[needs(api_key.INBOX_READ)])
async def who(request: Request[api_key.ApiKey, Any, Any], limit: Annotated[int, Parameter(ge=1)] = 1) -> dict[str, Any]:
    return {"tenant": request.auth.tenant, "limit": limit}


@get("/raise/{kind:str}")
async def fail(kind: FromPath[str]) -> None:
    errors: dict[str, Exception] = {
        "bug": ZeroDivisionError("secret of a bug"),
        "forbidden": Forbidden("not this"),
        "missing": NotFound("not there"),
        "rejected": Rejected("for no reason that has a status"),
        "unavailable": Unavailable("internal words", 2.1),
        "unclear": Unclear("internal words"),
        "teapot": HTTPException(detail="short and stout", status_code=418),
        "framework": HTTPException(detail="internal words", status_code=502),
    }
    raise errors[kind]


@post("/echo")
async def echo(data: JSONBody[dict[str, int]]) -> dict[str, int]:
    return data


class World(AppWorld):
    def __init__(self) -> None:
        self.events: list[str] = []
        self.broken = False
        self.asked = 0
        self.hangs = False
        parts = [self.part("one", [who, fail]), self.part("two", [echo])]
        super().__init__(partial(build_app, parts=parts))

    def part(self, name: str, handlers: Sequence[HTTPRouteHandler]) -> Part:
        @asynccontextmanager
        async def lifespan(_: Backend) -> AsyncIterator[None]:
            self.events.append(f"open {name}")
            yield
            self.events.append(f"close {name}")

        return Part(name=name, handlers=handlers, lifespan=lifespan, ready=self.ready)

    async def ready(self) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.broken:
            raise Unavailable("internal words")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World().serving() as world:
        yield world


async def test_parts_are_opened_in_order_and_closed_in_reverse() -> None:
    world = World()
    async with world.app.lifespan():
        assert world.events == ["open one", "open two"]
    assert world.events[2:] == ["close two", "close one"]


async def test_a_guarded_route_has_its_key_and_reports_the_limits(world: World) -> None:
    answer = await world.client.get("/who", headers={"x-api-key": await world.token(scopes=[api_key.INBOX_READ])})
    assert answer.json() == {"tenant": "t", "limit": 1}
    assert answer.headers["ratelimit-policy"] == '"default";q=1000;w=1'
    assert answer.headers["ratelimit"] == '"default";r=1999;t=1'


async def test_a_guarded_route_refuses_no_key_and_a_key_without_the_scope(world: World) -> None:
    assert (await world.client.get("/who")).status_code == 401
    token = await world.token(scopes=[api_key.EVENTS_WRITE])
    assert (await world.client.get("/who", headers={"x-api-key": token})).status_code == 403


async def test_a_table_of_keys_that_is_down_is_503(world: World) -> None:
    token = await world.token(scopes=[api_key.INBOX_READ])
    world.keys.down = True
    assert (await world.client.get("/who", headers={"x-api-key": token})).status_code == 503


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/nope/deeper", 404),
        ("DELETE", "/healthz", 405),
        ("GET", "/raise/bug", 500),
        ("GET", "/raise/rejected", 500),
        ("GET", "/raise/framework", 500),
        ("GET", "/raise/forbidden", 403),
        ("GET", "/raise/missing", 404),
        ("GET", "/raise/unavailable", 503),
        ("GET", "/raise/unclear", 503),
        ("GET", "/raise/teapot", 418),
    ],
)
async def test_every_error_is_a_problem_with_a_request_id(world: World, method: str, path: str, status: int) -> None:
    answer = await world.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"]
    assert problem["title"]
    assert problem["instance"] == f"urn:triggers:request:{answer.headers['x-request-id']}"
    assert "errors" not in problem
    assert "secret" not in answer.text
    assert "internal" not in answer.text


async def test_what_can_be_tried_again_says_when(world: World) -> None:
    assert (await world.client.get("/raise/unavailable")).headers["retry-after"] == "3"
    assert (await world.client.get("/raise/unclear")).headers["retry-after"] == "1"


async def test_405_names_the_methods_that_are_allowed(world: World) -> None:
    assert "GET" in (await world.client.delete("/healthz")).headers["allow"]


async def test_a_parameter_that_breaks_a_rule_is_named(world: World) -> None:
    headers = {"x-api-key": await world.token(scopes=[api_key.INBOX_READ])}
    answer = await world.client.get("/who?limit=0", headers=headers)
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/limit"]


@pytest.mark.parametrize(("content", "status"), [(b"{", 400), (b'{"a":"' + b"x" * 600_000 + b'"}', 413)])
async def test_a_body_that_the_framework_refuses_is_a_problem(world: World, content: bytes, status: int) -> None:
    answer = await world.client.post("/echo", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("given", ["abc", "A-b_c.9", "x" * 128])
async def test_a_sane_request_id_comes_back(world: World, given: str) -> None:
    for path in ("/healthz", "/nope", "/raise/bug"):
        assert (await world.client.get(path, headers={"x-request-id": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a;b", "é"])
async def test_any_other_request_id_is_replaced(world: World, given: str) -> None:
    answer = await world.client.get("/nope", headers=[(b"x-request-id", given.encode())])
    assert re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]+", answer.headers["x-request-id"])
    assert len(answer.headers.get_list("x-request-id")) == 1


async def test_an_unhandled_error_is_logged_with_its_stack(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.client.get("/raise/bug", headers={"x-request-id": "r1"})
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)
    assert record.__dict__["request_id"] == "r1"


async def test_every_request_has_one_line_without_path_and_query(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "triggers.http")
    await world.client.get("/raise/unavailable?secret=1", headers={"x-request-id": "r1"})
    await world.client.get("/secret", headers={"x-request-id": "r2"})
    lines = {record.__dict__["request_id"]: record.__dict__ for record in caplog.records if record.msg == "request"}
    assert (lines["r1"]["route"], lines["r1"]["status"]) == ("/raise/{kind}", 503)
    assert lines["r1"]["error"] == "Unavailable: internal words"
    assert lines["r2"]["status"] == 404
    assert "secret" not in repr(lines)


async def test_a_running_process_is_live(world: World) -> None:
    world.broken = True
    assert (await world.client.get("/healthz")).text == "ok\n"


async def test_ready_and_status_follow_the_parts(world: World) -> None:
    assert (await world.client.get("/readyz")).text == "ready\n"
    world.broken = True
    world.clock.advance(61)
    assert (await world.client.get("/readyz")).status_code == 503
    status = (await world.client.get("/status")).json()
    assert status == {"name": "Triggers", "version": Settings().api_version, "uptime_seconds": 61, "health": "degraded"}
    world.broken = False
    world.clock.advance(1)
    assert (await world.client.get("/status")).json()["health"] == "ok"


async def test_readiness_is_checked_at_most_once_a_second(world: World) -> None:
    await asyncio.gather(*(world.client.get(path) for path in ["/readyz", "/status"] * 20))
    assert world.asked == 2


async def test_an_unavailable_key_table_is_not_ready(world: World) -> None:
    world.keys.down = True
    assert (await world.client.get("/readyz")).status_code == 503


async def test_nothing_else_is_served_beside_the_document(world: World) -> None:
    assert (await world.client.get("/openapi.json")).status_code == 200
    for path in ("/schema", "/elements", "/openapi.yaml"):
        answer = await world.client.get(path)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_apps_without_a_clock_use_the_systems() -> None:
    app = build_app(Settings(), [], backend=MemoryBackend(keys=MemoryKeyStore()))
    async with app.lifespan(), client_of(app) as client:
        assert (await client.get("/status")).json()["uptime_seconds"] == 0


async def test_a_client_that_disconnects_is_logged_as_such(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "triggers.http")
    world.hangs = True
    asking = asyncio.create_task(world.client.get("/readyz"))
    await until(lambda: world.asked > 0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    (line,) = [record.__dict__ for record in caplog.records if record.msg == "request"]
    assert line["status"] == 499
