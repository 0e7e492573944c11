from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from shared.model.position import FIRST
from shared.model.records import Outcome, Place, QueryResult, StoredEvent
from shared.ports import EventStore
from tests.contract.build import END, NOW_MS, Builder

_SHARD = 2


async def _stored(
    store: EventStore, make: Builder, count: int, *, types: Sequence[str] = ("order.created",)
) -> list[StoredEvent]:
    """Events of one shard, with `types` in turn."""
    positions = make.positions(count, shard=_SHARD)
    events = [
        make.event(make.place(position), type_=types[number % len(types)]) for number, position in enumerate(positions)
    ]
    assert set(await store.insert_events(events)) == {Outcome.DONE}
    return events


async def _query(
    store: EventStore,
    make: Builder,
    *,
    after: str = FIRST,
    before: str = END,
    limit: int = 100,
    types: Sequence[str] = (),
) -> QueryResult:
    return await store.query(make.place(after), shard=_SHARD, before=before, limit=limit, types=types)


async def _page_through(store: EventStore, inbox: Place, limit: int, types: Sequence[str] = ()) -> list[StoredEvent]:
    """All events of the shard, as a reader finds them that follows `stopped_at`."""
    events: list[StoredEvent] = []
    while True:
        slice_ = await store.query(inbox, shard=_SHARD, before=END, limit=limit, types=types)
        events += slice_.events
        if slice_.stopped_at is None:
            return events
        assert slice_.scanned_to == slice_.stopped_at > inbox.position
        inbox = inbox._replace(position=slice_.stopped_at)


async def test_a_shard_never_written_to_is_empty(store: EventStore, make: Builder) -> None:
    assert await _query(store, make) == QueryResult(events=[], scanned_to=None, stopped_at=None)


async def test_a_query_finds_the_events_of_its_shard_oldest_first(store: EventStore, make: Builder) -> None:
    events = await _stored(store, make, 5)
    if await store.shards(make.place(FIRST), END) > 1:
        elsewhere = make.positions(1, shard=_SHARD + 1)
        assert await store.insert_events([make.event(make.place(elsewhere[0]))]) == [Outcome.DONE]

    assert await _query(store, make) == QueryResult(
        events=events, scanned_to=events[-1].place.position, stopped_at=None
    )


async def test_both_bounds_of_a_query_are_exclusive(store: EventStore, make: Builder) -> None:
    events = await _stored(store, make, 5)
    positions = [event.place.position for event in events]

    assert (await _query(store, make, after=positions[0], before=positions[4])).events == events[1:4]
    assert (await _query(store, make, after=positions[1], before=positions[2])).events == []
    assert (await _query(store, make, after=positions[4])).events == []


@pytest.mark.parametrize("last_byte", ["00", "ff"])
async def test_positions_next_to_the_bounds_are_found(store: EventStore, make: Builder, last_byte: str) -> None:
    stem = make.position()[:-2]
    position = f"{stem}{last_byte}"
    shard = int(last_byte, 16) % 4
    number = int(position.replace("-", ""), 16)
    event = make.event(make.place(position))
    assert await store.insert_events([event]) == [Outcome.DONE]

    found = await store.query(make.place(_text(number - 1)), shard=shard, before=_text(number + 1), limit=10)

    assert found.events == [event]


def _text(number: int) -> str:
    digits = f"{number:032x}"
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


async def test_a_query_between_bounds_in_the_wrong_order_finds_nothing(store: EventStore, make: Builder) -> None:
    events = await _stored(store, make, 3)
    first, last = events[0].place.position, events[2].place.position

    for after, before in [(last, first), (first, first), (END, END), (END, FIRST), (FIRST, FIRST)]:
        assert (await _query(store, make, after=after, before=before)).events == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_paging_finds_every_event_once(store: EventStore, make: Builder, limit: int) -> None:
    events = await _stored(store, make, 7)

    assert await _page_through(store, make.place(FIRST), limit) == events


async def test_a_query_that_stopped_early_reports_where(store: EventStore, make: Builder) -> None:
    events = await _stored(store, make, 5)

    slice_ = await _query(store, make, limit=2)

    position = events[1].place.position
    assert slice_ == QueryResult(events=events[:2], scanned_to=position, stopped_at=position)


async def test_paging_goes_past_pages_without_a_match(store: EventStore, make: Builder) -> None:
    events = await _stored(store, make, 9, types=["a.x", "a.y", "b.x"])

    assert await _page_through(store, make.place(FIRST), 1, ["b.x"]) == events[2::3]


async def test_a_page_without_a_match_reports_how_far_it_scanned(store: EventStore, make: Builder) -> None:
    events = await _stored(store, make, 4)

    slice_ = await _query(store, make, limit=2, types=["none"])

    assert slice_.events == []
    assert slice_.scanned_to == slice_.stopped_at == events[1].place.position


async def test_a_filtered_query_that_came_to_its_end_has_not_stopped(store: EventStore, make: Builder) -> None:
    await _stored(store, make, 4)

    slice_ = await _query(store, make, types=["none"])

    assert slice_.events == []
    assert slice_.stopped_at is None


@pytest.mark.parametrize(
    ("types", "found"),
    [
        (["order.created"], ["order.created"]),
        (["order.*"], ["order.created", "order.paid.late"]),
        (["order.*", "orders"], ["order.created", "orders", "order.paid.late"]),
        (["order"], ["order"]),
        (["ORDER.*"], []),
        (["order.%", "o_der.created"], []),
        (["*"], ["order.created", "order", "orders", "order.paid.late", "#type", "ünï\U0001f600"]),
        (["#type"], ["#type"]),
        (["ünï*"], ["ünï\U0001f600"]),
        ([f"type-{number}" for number in range(60)] + ["orders"], ["orders"]),
    ],
)
async def test_a_filter_takes_exact_types_and_prefixes(
    store: EventStore, make: Builder, types: list[str], found: list[str]
) -> None:
    await _stored(
        store, make, 6, types=["order.created", "order", "orders", "order.paid.late", "#type", "ünï\U0001f600"]
    )

    assert [event.type for event in (await _query(store, make, types=types)).events] == found


async def test_expired_events_are_skipped_and_counted_as_scanned(store: EventStore, make: Builder) -> None:
    positions = make.positions(3, shard=_SHARD)
    live = make.event(make.place(positions[0]))
    expired = [make.event(make.place(position), expires_at=NOW_MS // 1000 - 60) for position in positions[1:]]
    assert set(await store.insert_events([live, *expired])) == {Outcome.DONE}

    assert await _query(store, make) == QueryResult(events=[live], scanned_to=positions[2], stopped_at=None)
    slice_ = await _query(store, make, after=positions[0], limit=1)
    assert slice_ == QueryResult(events=[], scanned_to=positions[1], stopped_at=positions[1])


async def test_tombstones_are_skipped_and_counted_as_scanned(store: EventStore, make: Builder) -> None:
    positions = make.positions(2, shard=_SHARD)
    guard = make.guard(position=positions[1])
    live = make.event(make.place(positions[0]))
    assert await store.insert_guards([guard]) == [Outcome.DONE]
    assert await store.insert_events([live, make.event(make.place(positions[1]))]) == [Outcome.DONE, Outcome.DONE]
    assert await store.erase(guard, replace(guard, erased_at=NOW_MS))

    assert await _query(store, make) == QueryResult(events=[live], scanned_to=positions[1], stopped_at=None)
    assert (await _query(store, make, types=["order.*"])).events == [live]


async def test_delivered_events_are_listed_apart(store: EventStore, make: Builder) -> None:
    [position] = make.positions(1, shard=_SHARD)
    acked = make.event(make.place(position, delivered=True))
    assert await store.insert_events([acked]) == [Outcome.DONE]

    assert (await _query(store, make)).events == []
    delivered = await store.query(make.place(FIRST, delivered=True), shard=_SHARD, before=END, limit=10)
    assert delivered.events == [acked]


async def test_newest_first_reverses_the_order(store: EventStore, make: Builder) -> None:
    events = await _stored(store, make, 5)

    slice_ = await store.query(make.place(FIRST), shard=_SHARD, before=END, limit=3, newest_first=True)

    position = events[2].place.position
    assert slice_ == QueryResult(events=events[:1:-1], scanned_to=position, stopped_at=position)


async def test_a_query_sees_one_inbox_of_one_tenant(store: EventStore, make: Builder) -> None:
    events = await _stored(store, make, 2)
    neighbours = [
        Builder(make.tenant + "#default").place(FIRST),
        make.place(FIRST, inbox="defaul"),
        make.place(FIRST, inbox=f"default#{_SHARD}"),
    ]

    assert (await _query(store, make)).events == events
    for inbox in neighbours:
        assert (await store.query(inbox, shard=_SHARD, before=END, limit=10)).events == []


async def test_paging_finds_every_event_though_an_answer_holds_a_megabyte(store: EventStore, make: Builder) -> None:
    positions = make.positions(5, shard=_SHARD)
    events = [make.event(make.place(position), body=b'"' + b"x" * 340_000 + b'"') for position in positions]
    assert set(await store.insert_events(events)) == {Outcome.DONE}

    assert await _page_through(store, make.place(FIRST), 100) == events


async def test_inboxes_are_listed_by_name_once_events_were_stored(store: EventStore, make: Builder) -> None:
    assert await store.list_inboxes(make.tenant, after="", limit=10) == []
    (position,) = make.positions(1, shard=1)
    names = ("orders", "a-1", "returns", "orders-eu")
    events = [make.event(make.place(position)._replace(inbox=name)) for name in names]
    events.append(make.event(make.place(position)._replace(inbox="acked", delivered=True)))
    assert set(await store.insert_events(events)) == {Outcome.DONE}
    await store.insert_events([make.event(make.place(position)._replace(tenant=f"{make.tenant}2", inbox="others"))])
    names_in_order = ["a-1", "acked", "orders", "orders-eu", "returns"]
    assert await store.list_inboxes(make.tenant, after="", limit=10) == names_in_order
    assert await store.list_inboxes(make.tenant, after="", limit=2) == names_in_order[:2]
    assert await store.list_inboxes(make.tenant, after="acked", limit=2) == names_in_order[2:4]
    assert await store.list_inboxes(make.tenant, after="returns", limit=2) == []
