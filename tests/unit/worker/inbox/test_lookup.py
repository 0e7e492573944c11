"""GET /v1/events/{id}: for all states of an event and all forms of ids."""

from collections.abc import Sequence
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from shared.model.errors import NotFound, Unavailable
from shared.model.event import Event, Identity
from shared.model.records import Guard, Place, Record, StoredEvent, Tombstone
from tests.fakes.app import DEFAULT
from tests.fakes.clock import START_MS
from tests.unit.worker.inbox.serving import TENANT, Served
from worker.inbox.lookup import Lookup


async def test_an_event_is_found_by_its_identity(world: Served) -> None:
    [place] = await world.put("1", inbox="orders", kind="order.paid")
    answer = await world.get("/v1/events/1", source="/s", inbox="orders")
    assert answer.json() == {
        "id": "1",
        "status": "stored",
        "position": place,
        "receivedat": "2027-01-15T07:59:49.995Z",
        "storedat": "2027-01-15T07:59:50.000Z",
        "expiresat": "2027-01-15T08:16:40.000Z",
        "event": {
            "specversion": "1.0",
            "id": "1",
            "source": "/s",
            "type": "order.paid",
            "data": [1.0, 1e99],
            "inbox": "orders",
            "receivedat": "2027-01-15T07:59:49.995Z",
            "position": place,
        },
    }
    assert b"[1.0, 1e99]" in answer.content
    assert answer.headers["etag"]


@pytest.mark.parametrize(
    "id_", ["a/b", "/a", "/", "//", "a/", "a//b", "%", "%2F", "a?b#c", "a b+c", "é東\u2028", ".a", "a;b=c", "1:0"]
)
async def test_an_id_may_hold_any_character(world: Served, id_: str) -> None:
    await world.put(id_)
    for safe in ("", "/:"):
        if safe and id_.startswith("/"):
            continue
        answer = await world.get(f"/v1/events/{quote(id_, safe=safe)}", source="/s")
        assert (answer.status_code, answer.json()["id"]) == (200, id_)


@pytest.mark.parametrize("id_", [".", "..", "../x", "a b+c", "é", "id=1&x"])
async def test_an_id_may_be_in_the_query(world: Served, id_: str) -> None:
    await world.put(id_)
    for path in ("/v1/events", "/v1/events/"):
        answer = await world.get(path, id=id_, source="/s")
        assert (answer.status_code, answer.json()["id"]) == (200, id_)
        assert (await world.client.head(answer.request.url, headers=answer.request.headers)).status_code == 200


@pytest.mark.parametrize("query", ["", "source=/other", "source=/s&inbox=other"])
async def test_another_identity_is_not_found(world: Served, query: str) -> None:
    await world.put("1")
    answer = await world.get(f"/v1/events/1?{query}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "The event does not exist, or this API key may not read it."


async def test_an_invalid_query_is_rejected(world: Served) -> None:
    answer = await world.get("/v1/events/1", inbox="A", sourc="/", source=["a", "b"])
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/sourc", "/source", "/inbox"]


async def test_an_event_of_a_type_that_the_key_may_not_read_is_not_found(world: Served) -> None:
    await world.put("1", kind="refund")
    await world.put("2", kind="order.paid")
    assert (await world.get("/v1/events/1", source="/s", key="orders only")).status_code == 404
    assert (await world.get("/v1/events/2", source="/s", key="orders only")).status_code == 200


async def deliver(world: Served, place: Place) -> None:
    event = world.store.records[place]
    assert isinstance(event, StoredEvent)
    acked = replace(event, place=place._replace(delivered=True), delivered_at=world.clock.wall_ms())
    await world.store.insert_events([acked])


async def test_a_delivered_event_has_that_status(world: Served) -> None:
    [position] = await world.put("1")
    place = Place(TENANT, "default", position)
    await deliver(world, place)
    for _ in range(2):
        found = (await world.get("/v1/events/1", source="/s")).json()
        assert (found["status"], found["deliveredat"]) == ("delivered", "2027-01-15T08:00:00.000Z")
        await world.store.remove_events([place])


async def test_a_moved_event_is_followed(world: Served) -> None:
    await world.put("1")
    guard = await world.store.read_guard(Identity(TENANT, "default", "/s", "1"))
    assert guard is not None
    moved = world.event("1")
    assert await world.store.reposition(guard, guard, moved)
    assert (await world.get("/v1/events/1", source="/s")).json()["position"] == moved.place.position


async def test_an_erased_event_is_gone(world: Served) -> None:
    await world.put("1", "2")
    for id_, is_marked in (("1", True), ("2", False)):
        guard = await world.store.read_guard(Identity(TENANT, "default", "/s", id_))
        assert guard is not None
        await world.store.erase(guard, replace(guard, erased_at=START_MS))
        if not is_marked:  # read just before the erase
            world.store._guards[guard.identity]["guard"] = guard  # noqa: SLF001
        assert (await world.get(f"/v1/events/{id_}", source="/s")).status_code == 404


async def test_an_expired_event_and_one_not_yet_stored_are_not_found(world: Served) -> None:
    await world.put("1")
    world.clock.advance(999.999)
    assert (await world.get("/v1/events/1", source="/s")).status_code == 200
    world.clock.advance(0.001)
    assert (await world.get("/v1/events/1", source="/s")).status_code == 404
    event = world.event("2")
    await world.store.insert_guards([world.guard("2", event)])
    assert (await world.get("/v1/events/2", source="/s")).status_code == 404


async def test_a_missing_body_is_reported(world: Served) -> None:
    named = Event(receipt="r", id="1", source="/s", inbox="default", type="t", body=b"{}").without_data()  # type: ignore[arg-type] # not read
    event = replace(world.event("1"), body=named, body_key="gone")
    await world.store.insert_events([event])
    await world.store.insert_guards([world.guard("1", event)])
    found = (await world.get("/v1/events/1", source="/s")).json()
    assert (found["status"], found["event"]["id"], found["event"]["dataerror"]) == ("stored", "1", "missing")


class Changing:
    """A table whose answers follow a script; `read` are the positions that were asked for."""

    def __init__(self, guard: Guard, *answers: list[Record | None]) -> None:
        self.guard = guard
        self.answers = list(answers)
        self.read: list[str] = []

    async def read_guard(self, identity: Identity) -> Guard:
        assert identity == self.guard.identity
        return self.guard

    async def read_events(self, places: Sequence[Place]) -> list[Record | None]:
        self.read.append(places[0].position)
        return self.answers.pop(0)


async def test_an_event_acked_between_two_reads_is_found(world: Served) -> None:
    event = world.event("1")
    delivered = replace(event, place=event.place._replace(delivered=True), delivered_at=1)
    store = Changing(world.guard("1", event), [None, None], [None, delivered])
    found = await Lookup(store, world.bodies, world.clock).answer(store.guard.identity, await key_of(world))  # type: ignore[arg-type]
    assert b'"status":"delivered"' in found


async def test_an_event_moved_and_acked_during_the_read_is_found(world: Served) -> None:
    event = world.event("1")
    moved = event.place._replace(position=world.minter.mint())
    tombstone = Tombstone(place=event.place, moved_to=moved.position, expires_at=1)
    delivered = replace(event, place=moved._replace(delivered=True), delivered_at=1)
    store = Changing(world.guard("1", event), [None, None], [tombstone, None], [None, None], [None, delivered])
    found = await Lookup(store, world.bodies, world.clock).answer(store.guard.identity, await key_of(world))  # type: ignore[arg-type]
    assert b'"status":"delivered"' in found
    assert store.read == [event.place.position] * 2 + [moved.position] * 2


async def test_an_event_that_keeps_moving_is_unavailable(world: Served) -> None:
    event = world.event("1")
    tombstone = Tombstone(place=event.place, moved_to=world.minter.mint(), expires_at=1)
    answers: list[list[Record | None]] = [[tombstone, None]] * 20
    store = Changing(world.guard("1", event), *answers)
    with pytest.raises(Unavailable, match=r"^the event was moved repeatedly while it was read$"):
        await Lookup(store, world.bodies, world.clock).answer(store.guard.identity, await key_of(world))  # type: ignore[arg-type]


async def test_an_event_deleted_during_the_read_is_not_found(world: Served) -> None:
    event = replace(world.event("1"), body_key="gone")
    store = Changing(world.guard("1", event), [event, None], [None])
    lookup = Lookup(store, world.bodies, world.clock)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="does not exist"):
        await lookup.answer(store.guard.identity, await key_of(world))


async def key_of(world: Served):  # type: ignore[no-untyped-def] # noqa: ANN201
    return await world.keys.get(world.tokens[DEFAULT].split("_")[1])
