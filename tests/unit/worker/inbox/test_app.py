"""The inbox app as a whole: authorization, readiness and its OpenAPI document."""

import msgspec
import pytest

from shared.model.errors import Unavailable
from shared.settings import Settings
from shared.web.app import stop_waiting
from tests.unit.worker.inbox.serving import Served
from worker.inbox import app


async def test_tenants_with_similar_names_are_isolated(world: Served) -> None:
    await world.put("1", "2", "3")
    assert (await world.get("/v1/inbox", key="a/b")).json()["events"] == []
    assert (await world.get("/v1/events/1", source="/s", key="a/b")).status_code == 404


@pytest.mark.parametrize("path", ["/v1/inbox", "/v1/events/1"])
async def test_a_key_without_the_scope_may_not_read(world: Served, path: str) -> None:
    assert (await world.get(path, key="writer")).status_code == 403


@pytest.mark.parametrize("path", ["/v1/inbox", "/v1/events/1"])
async def test_a_read_requires_a_key(world: Served, path: str) -> None:
    assert (await world.client.get(path)).status_code == 401


@pytest.mark.parametrize("path", ["/v1/inbox?wait=0", "/v1/events/1"])
async def test_a_read_costs_one_token(world: Served, path: str) -> None:
    left = [(await world.get(path)).headers["ratelimit"] for _ in range(2)]
    assert [part.split(";")[1] for part in left] == ["r=99", "r=98"]


async def test_a_large_page_costs_by_its_size(world: Served) -> None:
    await world.put(*map(str, range(5)), data=b'"%b"' % (b"x" * 65_000))
    assert (await world.get("/v1/inbox?limit=1")).headers.get_list("ratelimit") == ['"default";r=99;t=1']
    assert (await world.get("/v1/inbox")).headers.get_list("ratelimit") == ['"default";r=94;t=1']


async def test_a_read_with_a_count_costs_ten(world: Served) -> None:
    answer = await world.get("/v1/inbox?count=true")
    assert answer.headers.get_list("ratelimit") == ['"default";r=90;t=1']


async def test_ready_while_the_table_answers(world: Served) -> None:
    assert (await world.client.get("/readyz")).status_code == 200


async def test_not_ready_without_the_table(world: Served) -> None:
    world.store.down = True
    assert (await world.client.get("/readyz")).status_code == 503


async def test_before_the_start_nothing_is_ready_and_nothing_waits() -> None:
    part = app.part(Settings())
    part.stop()
    with pytest.raises(Unavailable, match="starting"):
        await part.ready()


async def test_waiting_requests_are_answered_on_shutdown(world: Served) -> None:
    stop_waiting(world.app)
    answer = await world.get("/v1/inbox", wait=20)
    assert (answer.status_code, answer.json()["events"]) == (200, [])


async def test_the_document_describes_reading_with_examples_and_errors(world: Served) -> None:
    document = (await world.client.get("/openapi.json")).json()
    inbox, event = (document["paths"][path]["get"] for path in ("/v1/inbox", "/v1/events/{event_id}"))
    assert set(inbox["responses"]) == {"200", "304", "400", "401", "403", "406", "429", "500", "503"}
    assert set(event["responses"]) == {"200", "304", "400", "401", "403", "404", "429", "500", "503"}
    for operation in (inbox, event):
        for content in (
            content for answer in operation["responses"].values() for content in answer.get("content", {}).values()
        ):
            assert {"example", "examples"} & content.keys()
        named = msgspec.json.encode(operation).decode().split('"#/components/schemas/')[1:]
        assert {name.split('"')[0] for name in named} <= set(document["components"]["schemas"])


async def test_the_document_lists_the_accepted_parameters(world: Served) -> None:
    document = (await world.client.get("/openapi.json")).json()
    for path, of in (("/v1/inbox", "/v1/inbox"), ("/v1/events/{event_id}", "/v1/events/x")):
        parameters = document["paths"][path]["get"]["parameters"]
        fault = (await world.get(of, nope="1")).json()["errors"][0]["detail"]
        in_query = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
        assert in_query == set(fault.split("Known parameters: ")[1].replace("`", "").strip(".").split(", "))


async def test_the_examples_match_the_responses(world: Served) -> None:
    await world.put("order-17-paid", kind="order.paid")
    paths = (await world.client.get("/openapi.json")).json()["paths"]
    answers = paths["/v1/inbox"]["get"]["responses"]["200"]["content"]
    examples = answers["application/json"]["examples"]
    page = examples["page"]["value"]
    answered = (await world.get("/v1/inbox", count="true")).json()
    assert answered.keys() == examples["count"]["value"].keys()
    assert page.keys() == answered.keys() - {"undelivered"}
    optional = {"time", "datacontenttype"}
    assert answered["events"][0].keys() == page["events"][0].keys() - optional
    zapier = (await world.get("/v1/inbox", format="zapier")).json()
    assert zapier[0].keys() == examples["zapier"]["value"][0].keys() - optional
    status = (await world.get("/v1/events/order-17-paid", source="/s")).json()
    example = paths["/v1/events/{event_id}"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert status.keys() == example.keys()
    assert (await world.get("/v1/inbox", after=page["next"])).status_code == 200
