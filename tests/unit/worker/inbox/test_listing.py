from collections.abc import AsyncIterator

import pytest

from tests.unit.worker.inbox.serving import Served


@pytest.fixture
async def world() -> AsyncIterator[Served]:
    async with Served().serving() as world:
        yield world


async def test_inboxes_are_listed_page_by_page(world: Served) -> None:
    for inbox in ("c", "a", "b"):
        await world.put("1", "2", inbox=inbox)
    first = await world.get("/v1/inboxes?limit=2")
    assert first.json() == {"inboxes": [{"inbox": "a"}, {"inbox": "b"}], "more": True}
    assert (await world.get("/v1/inboxes?limit=2&after=b")).json() == {"inboxes": [{"inbox": "c"}], "more": False}
    unchanged = {"if-none-match": first.headers["etag"]}
    assert (await world.get("/v1/inboxes?limit=2", headers=unchanged)).status_code == 304
    assert (await world.get("/v1/inboxes?limit=3", headers=unchanged)).status_code == 200


async def test_a_page_holds_1_to_1000_inboxes_and_by_default_100(world: Served) -> None:
    for number in range(101):
        await world.put("1", inbox=f"{number:03}")
    for limit, listed in (("", 100), ("?limit=1", 1), ("?limit=1000", 101)):
        assert len((await world.get(f"/v1/inboxes{limit}")).json()["inboxes"]) == listed


async def test_tenants_do_not_see_each_other(world: Served) -> None:
    await world.put("1", inbox="a")
    assert (await world.get("/v1/inboxes", key="a/b")).json() == {"inboxes": [], "more": False}
    assert (await world.get("/v1/inboxes", key="writer")).status_code == 403


async def test_all_faults_of_the_query_are_listed(world: Served) -> None:
    answer = await world.get("/v1/inboxes?after=A&limit=0&x=1")
    assert answer.status_code == 400
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"/after", "/limit", "/x"}
    for limit in ("", "-1", "1001", "\u00b2", "99999"):
        assert (await world.get(f"/v1/inboxes?limit={limit}")).status_code == 400
