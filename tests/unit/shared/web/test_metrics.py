"""`/metrics`, and requests as they are counted."""

from functools import partial

import pytest
from litestar import get
from litestar.exceptions import HTTPException

from shared.model import api_key
from shared.model.errors import Unavailable
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web import event_path
from shared.web.app import Part, build_app
from shared.web.auth import needs
from tests.counted import counted
from tests.fakes.app import AppWorld
from tests.unit.shared.web.parts import nothing_to_open, ready

METRICS = "http_request_duration_seconds"


@get(event_path.TEMPLATE)
async def read_event() -> str:
    return "an event"


@get("/v1/inbox", guards=[needs(api_key.INBOX_READ)])
async def read_inbox() -> str:
    return "a page"


@get("/down")
async def down() -> str:
    raise Unavailable("internal words")


@get("/hidden/{name:str}")
async def hidden() -> str:
    raise HTTPException(status_code=418)


class World(AppWorld):
    def __init__(self, settings: Settings | None = None, *, scraped: bool = True) -> None:
        handlers = [read_event, read_inbox, down, hidden]
        part = Part(name="one", handlers=handlers, lifespan=nothing_to_open, ready=ready)
        super().__init__(
            partial(build_app, parts=[part]),
            settings,
            key={"scopes": [api_key.INBOX_READ]},
            metrics=Metrics(scraped=scraped),
        )


async def test_requests_are_counted_by_method_route_and_class_of_status() -> None:
    async with World().serving() as world:
        for path in ("/healthz", "/healthz", "/v1/events/secret", "/down", "/hidden/acme", "/nope/acme"):
            await world.client.get(path)
        await world.client.request("BREW", "/healthz")
    assert counted(world.metrics, METRICS) == {
        f"{METRICS} GET /healthz 2xx": 2,
        f"{METRICS} GET /v1/events/{{id}} 2xx": 1,
        f"{METRICS} GET other 5xx": 1,
        f"{METRICS} GET other 4xx": 2,
        f"{METRICS} other other 4xx": 1,
    }


async def test_metrics_are_served_without_a_key_and_name_no_customer() -> None:
    async with World().serving() as world:
        await world.client.get("/v1/events/order-17", headers={"x-api-key": "trg_a_b"})
        answer = await world.client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert f'{METRICS}_count{{method="GET",route="/v1/events/{{id}}",status="2xx"}} 1.0' in answer.text
        assert "order-17" not in answer.text
        assert "trg_" not in answer.text
        openmetrics = await world.client.get("/metrics", headers={"accept": "application/openmetrics-text"})
        assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
        assert openmetrics.text.endswith("# EOF\n")


@pytest.mark.parametrize("world", [World(Settings(metrics_port=9)), World(scraped=False)])
async def test_metrics_are_not_served_where_a_separate_port_or_cloudwatch_has_them(world: World) -> None:
    async with world.serving():
        assert (await world.client.get("/metrics")).status_code == 404


async def test_too_many_wrong_secrets_are_counted() -> None:
    async with World().serving() as world:
        token = await world.token()
        wrong = [{"x-api-key": f"{token[:-2]}{number:02}"} for number in range(6)]
        statuses = [(await world.client.get("/v1/inbox", headers=headers)).status_code for headers in wrong]
        assert statuses.count(429)
        assert counted(world.metrics, "rate_limited") == {"rate_limited_total secrets": statuses.count(429)}


async def test_a_key_over_its_rate_is_counted() -> None:
    async with World().serving() as world:
        token = await world.token(rate=1, burst=1)
        statuses = [(await world.client.get("/v1/inbox", headers={"x-api-key": token})).status_code for _ in range(3)]
    assert statuses.count(429)
    assert counted(world.metrics, "rate_limited") == {"rate_limited_total rate": statuses.count(429)}
