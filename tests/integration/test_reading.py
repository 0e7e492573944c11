"""All ways to read, through the whole pipeline on the emulator."""

import asyncio
import random
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
import pytest_asyncio

from shared.aws.clients import AwsClients
from tests.integration.deployment import DEADLINE_SECONDS, Deployment, Tenant, batch, deployed, event
from tests.provisioned import provisioned

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

NAMES = ("plain", "a/b", "/a", "/", "///", "a//b/", "%2F", "?#&=+ ;", "\u00e9\u6771", "..a", "x" * 255)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pipeline(ministack: str) -> AsyncIterator[Deployment]:
    assert ministack
    async with deployed(await provisioned(inline_body_bytes=2000)) as deployment:
        yield deployment


async def get(tenant: Tenant, path: str, accept: str = "application/json", **params: str | list[str]) -> httpx.Response:
    answer = await tenant.get(path, accept=accept, **params)
    assert answer.status_code == 200, answer.text
    return answer


async def test_types_counts_times_and_ends(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("reads")
    types = ("order.paid", "order.sent", "refund") * 4
    accepted = await acme.accept(batch(event(b"1", type=kind, id=f"{n}") for n, kind in enumerate(types)))
    await pipeline.settled()
    page = (await get(acme, "/v1/inbox", type=["order.*"], count="true", limit="3")).json()
    assert (len(page["events"]), page["more"], page["undelivered"]) == (3, True, 8)
    assert {one["type"] for one in page["events"]} <= {"order.paid", "order.sent"}
    newest = (await get(acme, "/v1/inbox", format="zapier", type=["refund"], limit="100")).json()
    assert len(newest) == 4
    assert [one["id"] for one in newest] == sorted((one["position"] for one in newest), reverse=True)
    listed = (await get(acme, "/v1/inbox")).json()["events"]
    assert len(listed) == len(accepted)
    since = (await get(acme, "/v1/inbox", since="2026-01-01T00:00:00Z")).json()["events"]
    assert since == listed
    assert (await get(acme, "/v1/inbox", since="2099-01-01T00:00:00Z")).json()["events"] == []
    array = await get(acme, "/v1/inbox", accept="application/cloudevents-batch+json", limit="5")
    assert array.json() == listed[:5]
    following = httpx.URL("/v1/inbox").join(array.links["next"]["url"])
    assert (await get(acme, str(following))).json()["events"] == listed[5:10]


async def test_the_location_of_an_event_returns_it_for_any_id(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("looks up")
    locations = {}
    for name in NAMES:
        answer = await acme.post(event(b"[1.10]", id=name, source="/a#b", inbox="orders"))
        locations[name] = answer.headers["location"]
    await pipeline.settled()
    for name, location in locations.items():
        found = await get(acme, location)
        assert (found.json()["id"], found.json()["status"]) == (name, "stored")
        assert b'"data":[1.10]' in found.content


async def test_an_event_that_was_acked_is_delivered_and_one_that_was_erased_is_gone(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("removes")
    for name in ("acked", "a/cked", "erased"):
        await acme.accept(event(b"1", id=name))
    await pipeline.drained()
    for path in ("acked", "a%2Fcked", "erased?erase=true"):
        assert (await acme.delete(f"/v1/events/{path}")).status_code == 202
    await pipeline.drained()
    for path in ("acked", "a%2Fcked"):
        assert (await get(acme, f"/v1/events/{path}")).json()["status"] == "delivered"
    assert (await acme.get("/v1/events/erased")).status_code == 404
    await pipeline.settled()
    assert (await get(acme, "/v1/inbox")).json()["events"] == []
    delivered = (await get(acme, "/v1/inbox", status="delivered")).json()["events"]
    assert [one["id"] for one in delivered] == ["acked", "a/cked"]
    assert all(one["deliveredat"] for one in delivered)


async def test_a_body_that_is_gone_is_said_on_its_event(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("loses")
    noise = msgspec.json.encode(random.Random(1).randbytes(4000).hex())  # noqa: S311 - the same every time
    named = (("before", b"1"), ("lost", noise), ("behind", b"2"))
    await acme.accept(batch(event(data, id=name, type="t.x", source="/s") for name, data in named))
    await pipeline.drained()
    [key] = await pipeline.bucket_keys()
    async with AwsClients(pipeline.settings).s3() as s3:
        await s3.delete_object(Bucket=pipeline.settings.bodies_bucket, Key=key)
    await pipeline.settled()
    before, lost, behind = (await get(acme, "/v1/inbox")).json()["events"]
    assert (before["data"], behind["data"]) == (1, 2)
    assert (lost["id"], lost["source"], lost["type"], lost["dataerror"]) == ("lost", "/s", "t.x", "missing")
    assert "data" not in lost
    assert (await get(acme, "/v1/events/lost", source="/s")).json()["event"] == lost


async def test_an_event_ends_a_wait(pipeline: Deployment) -> None:
    acme = await pipeline.tenant("waits")
    async with asyncio.timeout(DEADLINE_SECONDS):
        waits = [asyncio.create_task(get(acme, "/v1/inbox", wait="20")) for _ in range(20)]
        await acme.accept(event(b"1", id="the one"))
        for answer in await asyncio.gather(*waits):
            assert [one["id"] for one in answer.json()["events"]] == ["the one"]


async def test_a_consumer_that_knows_the_documentation_alone_sees_each_event_once(pipeline: Deployment) -> None:
    """It polls with its cursor and acks; it is started again from the beginning, without a cursor."""
    acme = await pipeline.tenant("consumed")
    posted = {f"{n}" for n in range(40)}
    posting = asyncio.create_task(post_slowly(acme, sorted(posted)))
    seen: list[str] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(seen) < 15:
            await consume(acme, seen, pages=3)  # and then it dies, and its cursor with it
            # Acks take effect as they go through the queue: who starts before that sees what it has acked.
            await pipeline.drained()
        while len(seen) < len(posted):
            await consume(acme, seen, pages=5)
            await pipeline.drained()
    await posting
    assert sorted(seen) == sorted(posted)
    await pipeline.settled()
    assert (await get(acme, "/v1/inbox", inbox="orders", count="true")).json()["undelivered"] == 0


async def consume(tenant: Tenant, seen: list[str], *, pages: int) -> None:
    """Read `pages` pages from the beginning, record their ids, and ack them."""
    cursor: dict[str, str] = {}
    for _ in range(pages):
        page = (await get(tenant, "/v1/inbox", inbox="orders", limit="7", wait="1", **cursor)).json()
        cursor = {"after": page["next"]}
        seen += [one["id"] for one in page["events"]]
        if positions := [one["position"] for one in page["events"]]:
            acked = await tenant.post_json("/v1/acks", {"inbox": "orders", "positions": positions})
            assert acked.status_code == 202, acked.text
            assert acked.json() == {"accepted": len(positions)}


async def post_slowly(tenant: Tenant, names: list[str]) -> None:
    for name in names:
        await tenant.accept(event(b"1", id=name, inbox="orders"))
        await asyncio.sleep(0.05)
