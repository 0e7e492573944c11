from msgspec.structs import replace

from shared.model.position import FIRST
from shared.model.records import Count, Outcome
from shared.ports import EventStore
from tests.contract.build import END, NOW_MS, Builder

_SHARD = 1


async def test_a_shard_never_written_to_counts_nothing(store: EventStore, make: Builder) -> None:
    assert await store.count(make.place(FIRST), shard=_SHARD, before=END, limit=10) == Count(events=0, stopped_at=None)
    assert await store.count(make.place(END), shard=_SHARD, before=END, limit=10) == Count(events=0, stopped_at=None)


async def test_events_of_the_types_asked_for_are_counted_between_the_bounds(store: EventStore, make: Builder) -> None:
    positions = make.positions(6, shard=_SHARD)
    types = ("order.created", "order.sent", "refund")
    events = [make.event(make.place(place), type_=types[index % 3]) for index, place in enumerate(positions)]
    assert set(await store.insert_events(events)) == {Outcome.DONE}

    async def counted(after: str, before: str, *wanted: str) -> int:
        return (await store.count(make.place(after), shard=_SHARD, before=before, limit=100, types=wanted)).events

    assert await counted(FIRST, END) == 6
    assert await counted(FIRST, END, "*") == 6
    assert await counted(FIRST, END, "order.*") == 4
    assert await counted(FIRST, END, "refund", "order.sent") == 4
    assert await counted(FIRST, END, "") == 0
    assert await counted(positions[0], positions[5]) == 4


async def test_a_count_that_stopped_early_reports_where(store: EventStore, make: Builder) -> None:
    positions = make.positions(5, shard=_SHARD)
    await store.insert_events([make.event(make.place(place)) for place in positions])
    counted, after = 0, FIRST
    while True:
        some = await store.count(make.place(after), shard=_SHARD, before=END, limit=2)
        counted += some.events
        if some.stopped_at is None:
            break
        assert some.stopped_at > after
        after = some.stopped_at
    assert counted == 5


async def test_tombstones_and_expired_events_are_not_counted(store: EventStore, make: Builder) -> None:
    identity = make.identity()
    erased, kept, expired = make.positions(3, shard=_SHARD)
    guard = make.guard(identity, position=erased)
    await store.insert_guards([guard])
    await store.insert_events([make.event(make.place(erased)), make.event(make.place(kept))])
    await store.insert_events([make.event(make.place(expired), expires_at=NOW_MS // 1000 - 60)])
    assert await store.erase(guard, replace(guard, erased_at=1))
    assert (await store.count(make.place(FIRST), shard=_SHARD, before=END, limit=10)).events == 1
