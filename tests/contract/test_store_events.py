import msgspec
import pytest
from msgspec.structs import replace

from shared.compression import compress
from shared.model.records import Outcome, Place, Tombstone
from shared.ports import EventStore
from tests.contract.build import NOW_MS, SHARDS, Builder


async def test_an_inserted_event_is_read_back_as_it_was(store: EventStore, make: Builder) -> None:
    event = make.event()

    assert await store.insert_events([event]) == [Outcome.DONE]

    assert await store.read_events([event.place]) == [event]


@pytest.mark.parametrize(
    "body",
    [
        '{"data":"\uffff \u2028 \u00e9 \U0001f600"}'.encode(),
        rb'{"data":"\u0000\ud800\uffff"}',
        b'{"data":1e999,"data":' + b"9" * 400 + b"}",
        b'{"data":' + b"[" * 500 + b"]" * 500 + b"}",
        compress(b'{"data":"' + b"ab" * 500 + b'"}'),
        b'{"data":"\xff"}',
        b'{"data":"' + b"x" * 349_000 + b'"}',
    ],
    ids=["unicode", "escapes", "numbers", "nesting", "zstd", "not UTF-8", "349 KB"],
)
async def test_a_body_is_read_back_byte_for_byte(store: EventStore, make: Builder, body: bytes) -> None:
    event = make.event(body=body)

    assert await store.insert_events([event]) == [Outcome.DONE]

    assert await store.read_events([event.place]) == [event]


async def test_an_event_whose_body_lies_in_the_bucket_keeps_its_key(store: EventStore, make: Builder) -> None:
    event = make.event(body=b"", body_key="bodies/t/1")

    assert await store.insert_events([event]) == [Outcome.DONE]

    assert await store.read_events([event.place]) == [event]


async def test_an_event_may_lie_undelivered_and_delivered_at_once(store: EventStore, make: Builder) -> None:
    event = make.event()
    acked = replace(event, place=event.place._replace(delivered=True), delivered_at=NOW_MS)

    assert await store.insert_events([event, acked]) == [Outcome.DONE, Outcome.DONE]

    assert await store.read_events([event.place, acked.place]) == [event, acked]


async def test_each_insert_of_a_batch_fails_alone(store: EventStore, make: Builder) -> None:
    taken = make.event()
    assert await store.insert_events([taken]) == [Outcome.DONE]
    others = [make.event() for _ in range(24)]

    outcomes = await store.insert_events([*others[:3], replace(taken, type="other"), *others[3:]])

    assert outcomes == [Outcome.DONE] * 3 + [Outcome.EXISTS] + [Outcome.DONE] * 21
    assert await store.read_events([taken.place, *(other.place for other in others)]) == [taken, *others]


async def test_of_two_inserts_at_one_place_in_one_batch_one_succeeds(store: EventStore, make: Builder) -> None:
    first = make.event()
    second = replace(first, type="other")

    outcomes = await store.insert_events([first, second])

    assert sorted(outcome.value for outcome in outcomes) == ["done", "exists"]
    assert await store.read_events([first.place]) == [[first, second][outcomes.index(Outcome.DONE)]]


async def test_events_are_read_in_the_order_asked_for(store: EventStore, make: Builder) -> None:
    events = [make.event() for _ in range(12)]
    assert set(await store.insert_events(events)) == {Outcome.DONE}
    nothing = make.place()

    found = await store.read_events([events[5].place, nothing, events[0].place, events[5].place])

    assert found == [events[5], None, events[0], events[5]]


async def test_nothing_is_read_from_no_places(store: EventStore) -> None:
    assert await store.read_events([]) == []


async def test_an_expired_event_is_still_read_by_its_place(store: EventStore, make: Builder) -> None:
    event = make.event(expires_at=NOW_MS // 1000 - 60)
    assert await store.insert_events([event]) == [Outcome.DONE]

    assert await store.read_events([event.place]) == [event]


async def test_removed_events_are_gone_and_their_neighbours_stay(store: EventStore, make: Builder) -> None:
    events = [make.event() for _ in range(6)]
    assert set(await store.insert_events(events)) == {Outcome.DONE}
    places = [event.place for event in events]

    await store.remove_events([*places[:3], places[0], make.place()])

    assert await store.read_events(places) == [None, None, None, *events[3:]]
    await store.remove_events(places[:3])
    await store.remove_events([])


async def test_removing_leaves_a_tombstone(store: EventStore, make: Builder) -> None:
    guard, event = make.guard(), make.event()
    buried = make.place(guard.position)
    assert await store.insert_guards([guard]) == [Outcome.DONE]
    assert await store.insert_events([event]) == [Outcome.DONE]
    assert await store.erase(guard, replace(guard, erased_at=NOW_MS))

    await store.remove_events([buried, event.place])

    there, removed = await store.read_events([buried, event.place])
    assert isinstance(there, Tombstone)
    assert removed is None


async def test_removing_an_undelivered_event_leaves_the_delivered_one(store: EventStore, make: Builder) -> None:
    event = make.event()
    acked = replace(event, place=event.place._replace(delivered=True), delivered_at=NOW_MS)
    await store.insert_events([event, acked])

    await store.remove_events([event.place])

    assert await store.read_events([event.place, acked.place]) == [None, acked]


async def test_tenants_that_look_alike_share_nothing(store: EventStore, make: Builder) -> None:
    shard_suffixes = [f"#{shard}" for shard in range(SHARDS)]
    names = [make.tenant, *(make.tenant + end for end in ["#b", "/b", "%23b", "%2523b", "#default", *shard_suffixes])]
    position = make.position()
    places = [Place(name, inbox, position) for name in names for inbox in ("default", "b")]
    events = [make.event(place, body=f'{{"n":{number}}}'.encode()) for number, place in enumerate(places)]

    assert set(await store.insert_events(events)) == {Outcome.DONE}

    assert await store.read_events(places) == events
    assert len({msgspec.json.encode(event.place) for event in events}) == len(events)
