import pytest

from tests.unit.console.serving import Served, dead_letter

READS = ["/v1/queue", "/v1/dlq"]


async def test_the_queue_depth_includes_dead_letters(world: Served) -> None:
    await world.bury("e1", "e2")
    answer = await world.get("/v1/queue")
    assert answer.status_code == 200
    assert answer.json() == {"waiting": 0, "dead": 2}
    assert answer.headers["cache-control"] == "no-store"
    assert "ratelimit" in answer.headers
    assert "x-request-id" in answer.headers


async def test_dead_letters_show_the_reason_but_no_payload(world: Served) -> None:
    await world.bury("e1")
    answer = await world.get("/v1/dlq")
    assert answer.status_code == 200
    assert answer.json() == {
        "messages": [
            {
                "id": "m1",
                "reason": "the store refuses the event",
                "kind": "events",
                "tenant": "acme",
                "key_id": "k1",
                "accepted_at": 1000,
                "events": 1,
                "first": {"inbox": "i", "source": "/s", "id": "e1", "type": "t"},
                "receives": 1,
            }
        ],
        "more": False,
    }
    assert "secret" not in answer.text
    assert "ratelimit" in answer.headers


async def test_requested_dead_letters_are_redriven(world: Served) -> None:
    await world.bury("e1", "e2", "e3")
    answer = await world.redrive({"ids": ["m1", "m3", "m1", "missing"]})
    assert answer.status_code == 200
    assert answer.json() == {"redriven": 2, "left": 1}
    assert world.queue.bodies == [dead_letter("e1"), dead_letter("e3")]
    assert world.dlq.bodies == [dead_letter("e2")]


async def test_each_dead_letter_costs_one_and_so_does_a_refusal(world: Served) -> None:
    await world.bury("e1", "e2")
    before = await world.redrive({"ids": []})
    after = await world.redrive({"ids": ["m1", "m2"]})
    left = [int(one.headers["ratelimit"].partition("r=")[2].partition(";")[0]) for one in (before, after)]
    # The bucket may refill by a token per millisecond in between.
    assert left[0] == 999
    assert left[1] <= 998


@pytest.mark.parametrize("path", READS)
async def test_a_tenants_key_can_not_read(world: Served, path: str) -> None:
    answer = await world.get(path, key="tenant")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "The API key lacks the scope operate."
    assert (await world.client.get(path)).status_code == 401
    assert world.dlq.receives == 0


async def test_a_tenants_key_can_not_redrive(world: Served) -> None:
    await world.bury("e1")
    assert (await world.redrive({"ids": ["m1"]}, key="tenant")).status_code == 403
    assert (await world.client.post("/v1/dlq/redrive", json={"ids": ["m1"]})).status_code == 401
    assert world.queue.bodies == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"ids":[]}',
        b'{"ids":["m1"],"all":true}',
        b'{"ids":[1]}',
        b'{"ids":[""]}',
        b'{"ids":["\xff"]}',
        {"ids": ["m"] * 101},
        {"ids": ["m" * 129]},
    ],
)
async def test_an_invalid_redrive_is_refused(world: Served, body: object) -> None:
    answer = await world.redrive(body)
    assert answer.status_code == 400
    (fault,) = answer.json()["errors"]
    assert fault["detail"].startswith("The body must be a JSON object whose only member is `ids`")


async def test_other_content_types_and_encodings_are_refused(world: Served) -> None:
    answer = await world.redrive({"ids": ["m1"]}, content_type="text/plain")
    assert (answer.status_code, answer.headers["accept-post"]) == (415, "application/json")
    answer = await world.redrive({"ids": ["m1"]}, content_encoding="gzip")
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert (await world.redrive(b" " * 65_537)).status_code == 413


async def test_an_unavailable_queue_is_a_503_without_internals(world: Served) -> None:
    await world.bury("e1")
    world.queue.down = True
    for answer in (await world.get("/v1/queue"), await world.redrive({"ids": ["m1"]})):
        assert answer.status_code == 503
        assert "internal" not in answer.text
        assert answer.headers["retry-after"] == "1"
    world.queue.down = False
    assert (await world.redrive({"ids": ["m1"]})).json() == {"redriven": 1, "left": 0}
