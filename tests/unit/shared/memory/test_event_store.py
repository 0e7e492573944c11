"""The store in memory, where the contract suite leaves a choice to the implementation or can't set the time."""

from msgspec.structs import replace

from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.model.event import Identity
from shared.model.position import Minter
from shared.model.records import Guard, Outcome, Place, StoredEvent, Tombstone
from tests.fakes.clock import FakeClock

END = "ffffffff-ffff-7fff-bfff-ffffffffffff"


class Rig:
    """A store of one shard."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.minter = Minter(self.clock)
        self.now_s = self.clock.wall_ms() // 1000

    def event(self, position: str | None = None, *, lives_s: int = 60) -> StoredEvent:
        place = Place("t", "default", position or self.minter.mint())
        return StoredEvent(
            place=place, type="t", body=b"{}", accepted_at=self.clock.wall_ms(), expires_at=self.now_s + lives_s
        )

    def guard(self) -> Guard:
        return Guard(
            identity=Identity("t", "default", "/", "e"),
            receipt=self.minter.mint(),
            position=self.minter.mint(),
            accepted_at=self.clock.wall_ms(),
            digest="",
            expires_at=self.now_s + 60,
        )

    async def listed(self) -> list[StoredEvent]:
        start = Place("t", "default", "")
        return (await self.store.query(start, shard=0, before=END, limit=100)).events


async def test_it_is_always_ready() -> None:
    await Rig().store.ready()


async def test_an_event_is_listed_until_it_expires() -> None:
    rig = Rig()
    await rig.store.insert_events([rig.event(lives_s=10)])
    rig.clock.advance(9.999)
    assert len(await rig.listed()) == 1
    rig.clock.advance(0.001)
    assert await rig.listed() == []


async def test_events_are_read_from_either_end_as_far_as_the_limit() -> None:
    rig = Rig()
    events = [rig.event() for _ in range(3)]
    await rig.store.insert_events(events)
    start = Place("t", "default", "")
    oldest = await rig.store.query(start, shard=0, before=END, limit=2)
    newest = await rig.store.query(start, shard=0, before=END, limit=2, newest_first=True)
    assert (oldest.events, oldest.stopped_at) == (events[:2], events[1].place.position)
    assert (newest.events, newest.stopped_at) == (events[:0:-1], events[1].place.position)


async def test_removing_a_missing_event_does_nothing() -> None:
    rig = Rig()
    kept = rig.event()
    await rig.store.insert_events([kept])
    await rig.store.remove_events([rig.event().place])
    assert await rig.listed() == [kept]


async def test_a_tombstone_lives_for_a_day() -> None:
    rig = Rig()
    guard = rig.guard()
    await rig.store.insert_guards([guard])
    moved = rig.event()
    assert await rig.store.reposition(guard, guard, moved)
    [stone] = await rig.store.read_events([Place("t", "default", guard.position)])
    assert stone == Tombstone(
        place=Place("t", "default", guard.position), moved_to=moved.place.position, expires_at=rig.now_s + 86_400
    )


async def test_an_event_does_not_move_to_a_taken_place() -> None:
    rig = Rig()
    guard, taken = rig.guard(), rig.event()
    await rig.store.insert_guards([guard])
    await rig.store.insert_events([taken])
    assert not await rig.store.reposition(guard, guard, taken)
    assert rig.store.guards() == [guard]


async def test_every_change_needs_the_guard_as_it_was_read() -> None:
    rig = Rig()
    guard, other = rig.guard(), rig.guard()
    assert not await rig.store.take_over(guard, other)
    assert await rig.store.insert_guards([guard, other]) == [Outcome.DONE, Outcome.EXISTS]
    assert await rig.store.insert_older(guard, other)
    stale, fresh = guard, replace(guard, version=1)
    assert not await rig.store.insert_older(fresh, other)  # it is there
    assert not await rig.store.take_over(stale, other)
    assert not await rig.store.insert_older(stale, rig.guard())
    assert not await rig.store.reposition(stale, stale, rig.event())
    assert not await rig.store.erase(stale, replace(stale, erased_at=1))
    assert await rig.store.erase(fresh, replace(fresh, erased_at=1))


async def test_bodies_come_and_go() -> None:
    bodies = MemoryBodies()
    await bodies.put("k", b"1")
    assert await bodies.get("k") == b"1"
    await bodies.delete("k")
    await bodies.delete("k")
    await bodies.put("k", b"1")
    assert not any(bodies.bodies.values())
