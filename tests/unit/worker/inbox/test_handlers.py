"""GET /v1/inbox over HTTP: requests and responses."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any, cast

import httpx
import msgspec
import pytest
import zstandard

from shared.model.position import Minter
from shared.model.records import Place
from tests.fakes.app import DEFAULT
from tests.fakes.waiting import until
from tests.unit.worker.inbox.serving import TENANT, Served

Param = str | int | list[str]

BATCH = "application/cloudevents-batch+json"


class InboxPage(msgspec.Struct, forbid_unknown_fields=True):
    events: list[msgspec.Raw]
    next: str
    more: bool


class Placed(msgspec.Struct):
    id: str
    position: str


async def read(world: Served, *, key: str = DEFAULT, **params: Param) -> InboxPage:
    answer = await world.get("/v1/inbox", key=key, headers={}, **params)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=InboxPage)


async def ids(world: Served, *, key: str = DEFAULT, **params: Param) -> list[str]:
    return [msgspec.json.decode(event, type=Placed).id for event in (await read(world, key=key, **params)).events]


async def test_following_the_cursor_returns_every_event_once(world: Served) -> None:
    places = await world.put(*map(str, range(25)))
    seen: list[str] = []
    page = await read(world, limit="10")
    while page.events:
        seen += [msgspec.json.decode(event, type=Placed).position for event in page.events]
        assert page.more == (len(seen) < 25)
        page = await read(world, limit="10", after=page.next)
    assert seen == places


async def test_an_event_is_returned_as_stored_with_three_members_appended(world: Served) -> None:
    [place] = await world.put("0")
    [event] = (await read(world)).events
    assert bytes(event).startswith(
        b'{"specversion":"1.0","id":"0","source":"/s","type":"t","data":[1.0, 1e99],"inbox":"default","receivedat":"2'
    )
    assert bytes(event).endswith(b'Z","position":"%b"}' % place.encode())


async def test_the_cursor_of_an_empty_inbox_does_not_change(world: Served) -> None:
    page = await read(world, inbox="empty")
    assert not page.events
    assert not page.more
    assert (await read(world, inbox="empty", after=page.next)).next == page.next


async def test_a_cursor_of_another_inbox_is_rejected(world: Served) -> None:
    page = await read(world, inbox="one")
    assert (await world.get("/v1/inbox", inbox="two", after=page.next)).status_code == 400


async def test_all_faults_of_the_query_are_listed(world: Served) -> None:
    answer = await world.get("/v1/inbox", limit=0, nope=5, inbox="A")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/nope", "/inbox", "/limit"]


async def test_a_key_for_some_types_reads_no_others(world: Served) -> None:
    await world.put("1", "2", kind="order.paid")
    await world.put("3", kind="order.sent")
    await world.put("4", kind="orders")
    assert await ids(world, key="any type") == ["1", "2", "3", "4"]
    assert await ids(world, key="orders only") == ["1", "2", "3"]
    assert await ids(world, key="orders only", type=["*"]) == ["1", "2", "3"]
    assert await ids(world, key="orders only", type=["orders", "order.sent"]) == ["3"]
    assert await ids(world, key="orders only", type=["orders"]) == []
    counted = await world.get("/v1/inbox", key="orders only", count="true")
    assert counted.json()["undelivered"] == 3
    zapier = await world.get("/v1/inbox", key="orders only", format="zapier")
    assert [event["eventid"] for event in zapier.json()] == ["3", "2", "1"]


async def test_only_requested_types_are_returned(world: Served) -> None:
    await world.put("1", kind="order.paid")
    await world.put("2", kind="refund")
    await world.put("3", kind="order.sent")
    assert await ids(world, type=["order.*"]) == ["1", "3"]
    assert await ids(world, type=["order.paid", "refund"]) == ["1", "2"]


async def test_reading_starts_at_the_later_of_a_time_and_a_cursor(world: Served) -> None:
    await world.put("old")
    cursor = (await read(world)).next
    world.clock.advance(60)
    await world.put("new")
    time = "2027-01-15T08:00:30Z"
    assert await ids(world, since=time) == ["new"]
    assert await ids(world, since=time, after=cursor) == ["new"]
    assert await ids(world, since="2027-01-15T07:00:00+00:00", after=cursor) == ["new"]
    assert await ids(world, since="2027-01-15T09:30:30+01:30") == ["new"]
    ahead = await read(world, since="2099-01-01T00:00:00Z")
    assert not ahead.events
    assert await ids(world, after=ahead.next) == []


async def test_delivered_events_are_listed_on_request(world: Served) -> None:
    event = world.event("1")
    acked = msgspec.structs.replace(
        event, place=event.place._replace(delivered=True), delivered_at=world.clock.wall_ms()
    )
    await world.store.insert_events([acked])
    world.clock.advance(60)
    await world.put("2")
    assert await ids(world) == ["2"]
    (listed,) = (await world.get("/v1/inbox", status="delivered")).json()["events"]
    assert (listed["id"], listed["deliveredat"]) == ("1", "2027-01-15T08:00:00.000Z")


async def test_a_count_is_added_on_request(world: Served) -> None:
    await world.put("1", "2", "3", kind="a")
    await world.put("4", kind="b")
    answer = await world.get("/v1/inbox", count="true", limit=1, type="a")
    assert answer.json()["undelivered"] == 3
    assert len(answer.json()["events"]) == 1
    assert "undelivered" not in (await world.get("/v1/inbox", count="false")).json()


async def test_zapier_gets_the_newest_first_with_unique_ids(world: Served) -> None:
    places = await world.put("1", "same", "same", "4")
    answer = await world.get("/v1/inbox", format="zapier", limit=3)
    assert answer.headers["content-type"] == "application/json"
    assert [(event["id"], event["eventid"]) for event in answer.json()] == [
        (places[3], "4"),
        (places[2], "same"),
        (places[1], "same"),
    ]
    assert b'"data":[1.0, 1e99]' in answer.content


async def test_a_batch_is_a_bare_array_with_a_link_to_the_next(world: Served) -> None:
    await world.put("1", "2", "3", kind="order.paid")
    answer = await world.get(
        "/v1/inbox", headers={"accept": BATCH}, limit=2, type=["order.*", "x y"], status="undelivered"
    )
    assert answer.headers["content-type"] == BATCH
    assert [event["id"] for event in answer.json()] == ["1", "2"]
    link = answer.headers["link"]
    assert link.startswith("</v1/inbox?inbox=default&after=")
    assert link.endswith('&limit=2&type=order.%2A&type=x%20y>; rel="next"')
    following = httpx.URL(answer.url).join(answer.links["next"]["url"])
    answer = await world.get(str(following), headers={"accept": BATCH})
    assert [event["id"] for event in answer.json()] == ["3"]


async def test_the_link_keeps_the_query(world: Served) -> None:
    delivered = await world.get(
        "/v1/inbox", headers={"accept": BATCH}, status="delivered", since="2026-01-01T00:00:00Z"
    )
    assert delivered.headers["link"].endswith('&limit=100&status=delivered>; rel="next"')
    await world.put("1")
    waiting = await world.get("/v1/inbox", headers={"accept": BATCH}, wait=7)
    assert waiting.headers["link"].endswith('&limit=100&wait=7>; rel="next"')


@pytest.mark.parametrize(("accept", "params"), [("text/html", {}), (BATCH, {"format": "zapier"})])
async def test_an_unsupported_format_is_406(world: Served, accept: str, params: dict[str, str]) -> None:
    answer = await world.get("/v1/inbox", headers={"accept": accept}, **params)
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"
    assert BATCH in answer.json()["detail"]


async def test_the_count_of_a_bare_array_is_a_header(world: Served) -> None:
    await world.put("1", "2", "3")
    batch = await world.get("/v1/inbox", headers={"accept": BATCH}, count="true", limit=1)
    assert (len(batch.json()), batch.headers["undelivered"]) == (1, "3")
    assert '&limit=1&count=true>; rel="next"' in batch.headers["link"]
    zapier = await world.get("/v1/inbox", format="zapier", count="true")
    assert (len(zapier.json()), zapier.headers["undelivered"]) == (3, "3")


async def test_zapier_may_read_from_a_cursor(world: Served) -> None:
    await world.put("1")
    cursor = (await read(world)).next
    world.clock.advance(1)
    await world.put("2", "3")
    answer = await world.get("/v1/inbox", format="zapier", after=cursor, wait=5)
    assert [event["eventid"] for event in answer.json()] == ["3", "2"]


async def test_an_idle_poller_gets_304(world: Served) -> None:
    first = await world.get("/v1/inbox")
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Accept, Accept-Encoding"
    tag = first.headers["etag"]
    for given in (tag, f'"x", {tag}', tag.removeprefix("W/"), "*"):
        again = await world.get("/v1/inbox", headers={"if-none-match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "ratelimit" in again.headers
        assert "content-type" not in again.headers
    await world.put("1")
    changed = await world.get("/v1/inbox", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize("size", [2000, 400_000])
async def test_long_responses_are_compressed_on_request(world: Served, size: int) -> None:
    await world.put("1", data=b'"%b"' % (b"x" * size))
    world.client.event_hooks = {}  # they would read the stream
    plain = await world.get("/v1/inbox")
    assert "content-encoding" not in plain.headers
    decoders: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "zstd": zstandard.ZstdDecompressor().decompress,
    }
    for coding, decode in decoders.items():
        async with world.client.stream(
            "GET",
            "/v1/inbox",
            headers={"authorization": f"Bearer {world.tokens[DEFAULT]}", "accept-encoding": coding},
        ) as answer:
            content = b"".join([chunk async for chunk in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == coding
        assert answer.headers["etag"] == plain.headers["etag"]
        assert int(answer.headers["content-length"]) == len(content) < size // 2
        assert decode(content) == plain.content
    again = {"if-none-match": plain.headers["etag"], "accept-encoding": "gzip"}
    assert (await world.get("/v1/inbox", headers=again)).status_code == 304


async def test_short_and_incompressible_responses_are_sent_unchanged(world: Served) -> None:
    answer = await world.get("/v1/inbox", headers={"accept-encoding": "zstd, gzip"})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept, Accept-Encoding"


async def test_a_wait_ends_with_an_event(world: Served) -> None:
    waiting = asyncio.create_task(world.get("/v1/inbox", wait=20))
    await until(lambda: world.clock.now_ms > 0)  # pauses between polls take no time on this clock
    place = Place(TENANT, "default", Minter(world.clock).mint())
    await world.store.insert_events([msgspec.structs.replace(world.event("1"), place=place)])
    assert [event["id"] for event in (await waiting).json()["events"]] == ["1"]


async def test_a_client_that_disconnects_stops_waiting(world: Served) -> None:
    sent: list[Any] = []
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(asked)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/inbox",
        "raw_path": b"/v1/inbox",
        "root_path": "",
        "query_string": b"wait=20",
        "headers": [(b"x-api-key", world.tokens[DEFAULT].encode())],
        "client": None,
        "server": None,
        "state": {},
        "extensions": {},
    }
    await cast("Any", world.app)(scope, receive, send)
    assert sent[0]["status"] == 499
