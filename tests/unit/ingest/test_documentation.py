"""What /openapi.json says of POST /v1/events."""

import msgspec

from tests.unit.ingest.serving import World


async def test_the_document_describes_the_endpoint_and_every_reference_resolves(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    post = document["paths"]["/v1/events"]["post"]
    assert {"202", "400", "401", "403", "413", "415", "429", "503"} == post["responses"].keys()
    assert document["components"]["securitySchemes"].keys() == {"bearer", "header"}
    references = set(_references(document))
    assert "#/components/schemas/Posted" in references
    assert {reference.rpartition("/")[2] for reference in references} <= document["components"]["schemas"].keys()


async def test_the_examples_of_the_document_are_accepted(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    content = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    for media_type, described in content.items():
        for example in described["examples"].values():
            answer = await world.post(msgspec.json.encode(example["value"]), content_type=media_type)
            assert answer.status_code == 202


def _references(node: object) -> list[str]:
    match node:
        case dict():
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in _references(value)]
        case list():
            return [found for value in node for found in _references(value)]
        case _:
            return []
