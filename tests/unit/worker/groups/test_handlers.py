"""Consumer groups over HTTP: scopes, types, costs, and the form of responses."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from shared.model import api_key, cursor
from shared.model import position as positions
from shared.model.errors import Unavailable
from shared.model.pack import AckPack, decode
from shared.model.position import Minter
from shared.model.records import Place, StoredEvent
from shared.settings import Settings
from shared.web.app import stop_waiting
from tests.counted import counted
from tests.fakes.app import DEFAULT, AppWorld, check_problem
from tests.fakes.clock import START_MS, FakeClock
from tests.fakes.waiting import until
from worker.groups import app

_KEYS: Mapping[str, Mapping[str, object]] = {
    DEFAULT: {},
    "other tenant": {"tenant": "u"},
    "reader": {"scopes": [api_key.INBOX_READ]},
    "acker": {"scopes": [api_key.INBOX_ACK]},
    "orders": {"types": ["order.*"]},
}


class Served(AppWorld):
    def __init__(self) -> None:
        super().__init__(app.create_app, key={"burst": 100, "scopes": api_key.DEFAULT_SCOPES}, keys=_KEYS)
        self.minter = Minter(FakeClock(START_MS - 10_000, follows=self.clock))

    async def put(self, *ids: str, kind: str = "order.paid") -> list[str]:
        """Store events that have settled."""
        events = [
            StoredEvent(
                place=Place("t", "default", self.minter.mint()),
                type=kind,
                body=b'{"specversion":"1.0","id":"%b","source":"/s","type":"%b"}' % (id_.encode(), kind.encode()),
                accepted_at=self.clock.wall_ms(),
                expires_at=START_MS // 1000 + 100_000,
            )
            for id_ in ids
        ]
        await self.store.insert_events(events)
        return [event.place.position for event in events]

    async def lease(self, body: bytes = b'{"group":"g"}', *, key: str = DEFAULT) -> dict[str, Any]:
        answer = await self.post(body, "/v1/leases", key=key)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def of(self, lease: Mapping[str, Any], call: str, body: bytes = b"", *, key: str = DEFAULT) -> httpx.Response:
        return await self.post(body, f"/v1/leases/{lease['lease']}/{call}", key=key)

    async def put_group(self, body: bytes = b"{}", *, name: str = "g", key: str = DEFAULT) -> httpx.Response:
        headers = {"content-type": "application/json", **self._with(key)}
        return await self.client.put(f"/v1/groups/{name}", content=body, headers=headers)


@pytest.fixture
async def world() -> AsyncIterator[Served]:
    async with Served().serving() as served:
        yield served


async def test_a_lease_has_events_as_the_inbox_has_them(world: Served) -> None:
    put = await world.put("1", "2")
    lease = await world.lease(b'{"group":"g","limit":1,"seconds":60}')
    assert lease["lease"]
    assert (lease["until"], lease["attempt"], lease["more"]) == ("2027-01-15T08:01:00.000Z", 1, True)
    assert lease["events"] == [
        {
            "specversion": "1.0",
            "id": "1",
            "source": "/s",
            "type": "order.paid",
            "inbox": "default",
            "receivedat": "2027-01-15T08:00:00.000Z",
            "position": put[0],
        }
    ]


async def test_without_events_there_is_no_lease(world: Served) -> None:
    answer = await world.post(b'{"group":"g"}', "/v1/leases")
    assert answer.json() == {"lease": None, "events": [], "more": False}
    assert answer.headers["cache-control"] == "no-store"


async def test_an_ack_an_extension_and_a_release(world: Served) -> None:
    put = await world.put("1", "2", "3")
    lease = await world.lease()
    assert (await world.of(lease, "ack", b'{"positions":["%b"]}' % put[0].encode())).json() == {"done": 1, "left": 2}
    extended = await world.of(lease, "extend", b'{"seconds":3600}')
    assert extended.json() == {"until": "2027-01-15T09:00:00.000Z"}
    released = await world.of(lease, "release", b'{"positions":["%b"],"delay":0}' % put[1].encode())
    assert released.json() == {"released": 1}
    assert (await world.of(lease, "ack")).json() == {"done": 1, "left": 0}
    problem = check_problem(await world.of(lease, "ack"), 409)
    assert problem["type"] == "urn:triggers:problem:lease-lost"


async def test_an_ack_that_removes_sends_the_positions_to_the_queue(world: Served) -> None:
    put = await world.put("1", "2", "3")
    lease = await world.lease()
    left = (await world.of(lease, "ack", b'{"positions":["%b"],"remove":true}' % put[1].encode())).headers["ratelimit"]
    assert left.split(";")[1] == "r=97"  # of 100: the lease, the ack, and the event
    assert (await world.of(lease, "ack", b'{"remove":true}')).json() == {"done": 2, "left": 0}
    messages = await world.queue.receive(limit=10, wait_seconds=0, visibility_seconds=9)
    packs = [decode(message.body) for message in messages]
    assert all(isinstance(pack, AckPack) and (pack.tenant, pack.inbox) == ("t", "default") for pack in packs)
    assert sorted(tuple(pack.positions) for pack in packs if isinstance(pack, AckPack)) == [
        (put[0], put[2]),
        (put[1],),
    ]


async def test_an_ack_that_can_not_remove_changes_nothing(world: Served) -> None:
    await world.put("1")
    lease = await world.lease()
    world.queue.down = True
    check_problem(await world.of(lease, "ack", b'{"remove":true}'), 503)
    world.queue.down = False
    assert (await world.of(lease, "ack")).json() == {"done": 1, "left": 0}


async def test_a_lease_is_that_of_its_tenant(world: Served) -> None:
    await world.put("1")
    lease = await world.lease()
    assert (await world.lease(key="other tenant"))["events"] == []
    assert (await world.of(lease, "ack", key="other tenant")).status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/leases"),
        ("POST", "/v1/leases/x/ack"),
        ("POST", "/v1/leases/x/extend"),
        ("POST", "/v1/leases/x/release"),
        ("PUT", "/v1/groups/g"),
        ("DELETE", "/v1/groups/g"),
        ("POST", "/v1/groups/g/seek"),
        ("POST", "/v1/groups/g/quarantine/release"),
        ("GET", "/v1/groups"),
        ("GET", "/v1/groups/g"),
        ("GET", "/v1/groups/g/quarantine"),
    ],
)
async def test_every_request_needs_its_scopes(world: Served, method: str, path: str) -> None:
    async def status(key: str) -> int:
        return (await world.client.request(method, path, headers=world._with(key))).status_code  # noqa: SLF001

    assert (await world.client.request(method, path)).status_code == 401
    assert await status("acker") == 403
    assert (await status("reader") == 403) is (method != "GET")


async def test_a_group_belongs_to_keys_whose_types_cover_its_own(world: Served) -> None:
    await world.put("1")
    await world.put("2", kind="secret")
    lease = await world.lease(b'{"group":"theirs"}', key="orders")
    assert [event["id"] for event in lease["events"]] == ["1"]
    assert (await world.get("/v1/groups/theirs")).json()["types"] == ["order.*"]
    await world.lease(b'{"group":"all"}')
    for method, path in (
        ("POST", "/v1/groups/all/seek"),
        ("DELETE", "/v1/groups/all"),
        ("GET", "/v1/groups/all/quarantine"),
        ("POST", "/v1/groups/all/quarantine/release"),
    ):
        body = b'{"start":true}' if path.endswith("seek") else b""
        headers = {"content-type": "application/json", **world._with("orders")}  # noqa: SLF001
        assert (await world.client.request(method, path, content=body, headers=headers)).status_code == 403
    assert (await world.put_group(b'{"types":["secret"]}', key="orders")).status_code == 403
    assert (await world.put_group(b'{"types":["order.x"]}', name="all", key="orders")).status_code == 403
    assert (await world.post(b'{"group":"all"}', "/v1/leases", key="orders")).status_code == 403


async def test_a_group_is_created_shown_configured_and_deleted(world: Served) -> None:
    await world.put("1", "2")
    created = await world.put_group(b'{"types":["order.*"],"max_attempts":3,"backoff":{"min":7},"start":"oldest"}')
    assert created.json() == {
        "group": "g",
        "inbox": "default",
        "types": ["order.*"],
        "max_attempts": 3,
        "backoff": {"min": 7, "max": 600},
        "next": cursor.encode(positions.FIRST, "default"),
        "lag": 2,
        "oldest": "2027-01-15T07:59:50.000Z",
        "leases": 0,
        "leased": 0,
        "retries": 0,
        "quarantined": 0,
    }
    assert (await world.get("/v1/groups/g")).json() == created.json()
    assert (await world.get("/v1/groups")).json() == {"groups": [created.json()]}
    assert (await world.get("/v1/groups", inbox="x")).json() == {"groups": []}
    assert (await world.put_group(b'{"start":"newest"}')).json()["lag"] == 2
    deleted = await world.client.delete("/v1/groups/g", headers=world._with(DEFAULT))  # noqa: SLF001
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert check_problem(await world.get("/v1/groups/g"), 404)["type"] == "urn:triggers:problem:no-such-group"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"start":true}', 3),
        (b'{"end":true}', 0),
        (b'{"since":"2027-01-15T07:59:51Z"}', 1),
        (b'{"after":"CURSOR"}', 2),
    ],
)
async def test_a_seek(world: Served, body: bytes, left: int) -> None:
    put = await world.put("1", "2")
    world.clock.advance(5)
    await world.put("3")
    await world.lease()
    body = body.replace(b"CURSOR", cursor.encode(put[0], "default").encode())
    answer = await world.post(body, "/v1/groups/g/seek")
    assert (answer.json()["lag"], answer.json()["leases"]) == (left, 0)


async def test_the_quarantine_has_the_events_and_the_reasons(world: Served) -> None:
    put = await world.put("1", "2", "3")
    await world.put_group(b'{"max_attempts":1}')
    lease = await world.lease()
    body = b'{"positions":["%b","%b"],"reason":"broken"}' % (put[0].encode(), put[2].encode())
    await world.of(lease, "release", body)
    page = (await world.get("/v1/groups/g/quarantine", limit=1)).json()
    [event] = page["events"]
    assert (event["position"], event["attempts"], event["reason"], event["event"]["id"]) == (put[0], 1, "broken", "1")
    assert page["more"]
    rest = (await world.get("/v1/groups/g/quarantine", after=put[0])).json()
    assert [event["position"] for event in rest["events"]] == [put[2]]
    released = await world.post(b'{"positions":["%b"]}' % put[2].encode(), "/v1/groups/g/quarantine/release")
    assert released.json() == {"released": 1}
    assert (await world.post(b"", "/v1/groups/g/quarantine/release")).json() == {"released": 1}
    assert (await world.get("/v1/groups/g/quarantine")).json() == {"events": [], "more": False}


async def test_large_leases_are_compressed(world: Served) -> None:
    await world.put(*map(str, range(50)))
    headers = {"content-type": "application/json", "accept-encoding": "gzip", **world._with(DEFAULT)}  # noqa: SLF001
    answer = await world.client.post("/v1/leases", content=b'{"group":"g"}', headers=headers)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["events"]) == 50


async def test_waiting_members_are_answered_on_shutdown(world: Served) -> None:
    world.store.unblocked.clear()
    waiting = asyncio.create_task(world.lease(b'{"group":"g","wait":20}'))
    await until(lambda: world.store.queries > 0)
    stop_waiting(world.app)
    world.store.unblocked.set()
    assert (await waiting)["lease"] is None


async def test_leases_and_events_are_counted(world: Served) -> None:
    put = await world.put("1", "2", "3")
    await world.put_group(b'{"max_attempts":1}')
    lease = await world.lease()
    await world.of(lease, "release", b'{"positions":["%b"]}' % put[0].encode())
    await world.of(lease, "ack")
    await world.of(lease, "extend")
    assert counted(world.metrics, "group_") == {
        "group_leases_total fresh": 1,
        "group_lease_events": 1,
        "group_events_total released": 1,
        "group_events_total quarantined": 1,
        "group_events_total acked": 2,
        "group_leases_lost_total": 1,
    }
    assert counted(world.metrics, "http_request_duration_seconds").keys() >= {
        "http_request_duration_seconds POST /v1/leases/{lease} 2xx",
        "http_request_duration_seconds POST /v1/leases/{lease} 4xx",
        "http_request_duration_seconds PUT /v1/groups 2xx",
    }


async def test_ready_while_the_tables_answer(world: Served) -> None:
    assert (await world.client.get("/readyz")).status_code == 200
    world.store.down = True
    world.clock.advance(60)
    assert (await world.client.get("/readyz")).status_code == 503


async def test_before_the_start_nothing_is_ready_and_nothing_waits() -> None:
    part = app.part(Settings())
    part.stop()
    with pytest.raises(Unavailable, match="starting"):
        await part.ready()
