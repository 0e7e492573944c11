"""The description of ingest in /openapi.json."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from ingest.formats.registry import READERS
from openapi.bodies import OTHER_CONTENT
from shared.model import api_key
from tests.unit.ingest.serving import World

POSTS = {"202", "400", "401", "403", "408", "413", "415", "429", "500", "503"}

Document = dict[str, Any]


@pytest.fixture
async def document(world: World) -> Document:
    described: Document = (await world.client.get("/openapi.json")).json()
    world.client.headers["authorization"] = f"Bearer {await world.token(scopes=api_key.SCOPES)}"
    return described


async def test_every_response_is_described_and_every_reference_resolves(document: Document) -> None:
    paths = document["paths"]
    assert paths["/v1/events"]["post"]["responses"].keys() == POSTS
    assert paths["/v1/acks"]["post"]["responses"].keys() == POSTS
    assert paths["/v1/events/{event_id}"]["delete"]["responses"].keys() == POSTS - {"408", "413", "415"}
    assert document["components"]["securitySchemes"].keys() == {"bearer", "header"}
    references = set(_references(document))
    assert "#/components/schemas/CloudEvent" in references
    assert {reference.rpartition("/")[2] for reference in references} <= document["components"]["schemas"].keys()


async def test_every_format_is_described_and_its_examples_are_accepted(world: World, document: Document) -> None:
    post = document["paths"]["/v1/events"]["post"]
    assert post["requestBody"]["content"].keys() == {"application/json"}
    content = post["requestBody"]["content"] | post["requestBody"][OTHER_CONTENT]
    assert content.keys() == {*READERS, "*/*"}
    binary = {one["name"]: one["example"] for one in post["parameters"] if one["name"].startswith("ce-")}
    for media_type, described in content.items():
        for example in described["examples"].values():
            value = example["value"]
            body = value.encode() if isinstance(value, str) else msgspec.json.encode(value)
            headers = {"content-type": "text/plain"} | binary if media_type == "*/*" else {"content-type": media_type}
            answer = await world.client.post("/v1/events", content=body, headers=headers)
            assert answer.status_code == 202, answer.text
            assert _is_valid(document, described["schema"], value)


async def test_the_examples_of_acks_are_accepted(world: World, document: Document) -> None:
    paths = document["paths"]
    content = paths["/v1/acks"]["post"]["requestBody"]["content"]["application/json"]
    body = content["examples"]["acks"]["value"]
    answer = await world.client.post("/v1/acks", json=body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert _is_valid(document, content["schema"], body)
    parameters = paths["/v1/events/{event_id}"]["delete"]["parameters"]
    examples: dict[str, dict[str, str]] = {where: {} for where in ("path", "query", "header")}
    for one in parameters:
        examples[one["in"]][one["name"]] = one["example"]
    path = f"/v1/events/{examples['path']['event_id']}"
    answer = await world.client.delete(path, params=examples["query"], headers=examples["header"])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"data": {"a": [1]}}, True),
        ({"data": 1.5, "ext": True, "n": 5, "s": "x", "subject": None}, True),
        ({"id": None}, False),
        ({"ext": 1.5}, False),
        ({"ext": []}, False),
        ({"Ext": 1}, False),
        ({"x" * 256: 1}, False),
        ({"specversion": "0.3"}, False),
    ],
)
async def test_the_cloudevent_schema_is_as_strict_as_the_reader(
    world: World,
    document: Document,
    change: dict[str, object],
    valid: bool,  # noqa: FBT001
) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/", "type": "t"} | change
    assert _is_valid(document, {"$ref": "#/components/schemas/CloudEvent"}, event) is valid
    answer = await world.post(msgspec.json.encode(event), content_type="application/cloudevents+json")
    assert (answer.status_code == 202) is valid


async def test_responses_match_their_description(world: World, document: Document) -> None:
    answers = document["paths"]["/v1/events"]["post"]["responses"]
    for body in (b'{"type":"a"}', b'[{"type":"a"}]', b'{"type":1}'):
        answer = await world.post(body)
        described = answers[str(answer.status_code)]
        (content,) = described["content"].values()
        assert _is_valid(document, content["schema"], answer.json())
        if answer.status_code == 202:
            assert described["headers"].keys() >= {"RateLimit", "RateLimit-Policy", "X-Request-ID"}
        for name in described["headers"]:
            assert name == "Location" or name in answer.headers


def _is_valid(document: Document, schema: dict[str, Any], value: object) -> bool:
    return jsonschema_rs.is_valid({**schema, "components": document["components"]}, value)


def _references(node: object) -> Iterator[str]:
    match node:
        case dict():
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from _references(value)
        case list():
            for value in node:
                yield from _references(value)
