"""Long polls of early reads in virtual time: how soon they end, and what that costs."""

import asyncio
import statistics

from msgspec.structs import replace

from shared.model.position import time_of
from shared.model.records import Place, StoredEvent
from shared.settings import Settings
from tests.counted import counted
from tests.fakes.store import SHARDS
from tests.unit.worker.reading.test_long_poll import World, with_world
from worker.inbox.reader import Page, PageRequest
from worker.reading.long_poll import POLL_MS

_STORED_MS = 20
_SETTLE_MS = Settings().settle_ms


class Follower:
    """Follows an inbox with early long polls."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.request = PageRequest("t", "default", early=True)

    async def read(self, seconds: float = 20) -> Page:
        page = await self._world.inbox.read(self.request, seconds, "k")
        self.request = self.request._replace(after=page.end, returned=page.returned)
        return page


@with_world
async def test_in_a_busy_inbox_an_event_is_returned_within_the_interval_of_early_polls(world: World) -> None:
    follower, delays = Follower(world), []
    for _ in range(40):
        reading = asyncio.create_task(follower.read())
        await asyncio.sleep(0.337)
        await world.commit(takes_ms=_STORED_MS)
        stored_ms = world.now_ms
        page = await reading
        assert len(page.events) == 1
        delays.append(world.now_ms - stored_ms)
    assert statistics.median(delays[1:]) < 70
    assert max(delays[1:]) < 150 < _SETTLE_MS


@with_world
async def test_an_idle_inbox_costs_as_many_queries_as_with_ordinary_reads(world: World) -> None:
    follower = Follower(world)
    await world.commit()
    await follower.read()
    await asyncio.sleep(60)
    before = len(world.store.queried_ms)
    for _ in range(3):
        await follower.read(seconds=20)
    assert len(world.store.queried_ms) - before <= SHARDS * (60 * 1000 / POLL_MS + 3 * 4)


@with_world
async def test_polls_are_frequent_while_an_event_of_any_type_settles(world: World) -> None:
    follower = Follower(world)
    follower.request = follower.request._replace(types=("b",))
    waiting = asyncio.create_task(follower.read())
    await asyncio.sleep(2)
    await world.commit("a")
    await asyncio.sleep(0.5)
    polls = len(world.store.queried_ms) / SHARDS
    await asyncio.sleep(0.4)
    assert len(world.store.queried_ms) / SHARDS - polls >= 5
    waiting.cancel()


@with_world
async def test_an_event_that_was_returned_does_not_end_the_next_wait(world: World) -> None:
    follower = Follower(world)
    await world.commit()
    assert len((await follower.read()).events) == 1
    started_ms, queries = world.now_ms, len(world.store.queried_ms)
    page = await follower.read(seconds=4)
    assert page.events == []
    assert world.now_ms - started_ms >= 4000
    assert len(world.store.queried_ms) - queries <= SHARDS * (4000 / 50 + 4)


@with_world
async def test_an_event_that_is_gone_before_it_settles_does_not_end_the_next_wait(world: World) -> None:
    follower = Follower(world)
    place = await world.commit()
    await follower.read()
    await world.store.remove_events([place])
    started_ms = world.now_ms
    assert (await follower.read(seconds=2)).events == []
    assert world.now_ms - started_ms >= 2000


@with_world
async def test_an_event_that_the_last_poll_found_and_that_is_gone_delays_no_early_request(world: World) -> None:
    ordinary = asyncio.create_task(world.wait())
    await asyncio.sleep(2.3)
    gone = await world.commit()
    await asyncio.sleep(0.5)  # polled by now
    await world.store.remove_events([gone])
    early = asyncio.create_task(Follower(world).read())
    await asyncio.sleep(0.1)
    await world.commit()
    stored_ms = world.now_ms
    assert len((await early).events) == 1
    assert world.now_ms - stored_ms <= POLL_MS + 50
    assert len((await ordinary).events) == 1


@with_world
async def test_an_event_that_ends_a_wait_is_read_anew(world: World) -> None:
    waiting = asyncio.create_task(Follower(world).read())
    await asyncio.sleep(2)
    world.store.delay_ms = 1000
    slow = asyncio.create_task(Follower(world).read(seconds=0))  # an equal request
    await asyncio.sleep(1.01)  # it has read what is settled, and reads what is not
    world.store.delay_ms = 5
    await world.commit()
    stored_ms = world.now_ms
    assert len((await waiting).events) == 1
    assert world.now_ms - stored_ms <= POLL_MS + 50
    assert not (await slow).events


@with_world
async def test_an_event_that_moves_during_a_wait_is_known_at_its_new_position(world: World) -> None:
    follower = Follower(world)
    place = await world.commit()
    await follower.read()
    waiting = asyncio.create_task(follower.read(seconds=4))
    await asyncio.sleep(0.5)
    reads = counted(world.metrics, "inbox_reads")["inbox_reads_total made"]
    new = await move(world, place)
    await asyncio.sleep(1)
    await world.store.remove_events([new])  # it moves again
    page = await waiting
    assert not page.events
    assert [event.time_ms for event in page.returned] == [time_of(new.position)]
    assert counted(world.metrics, "inbox_reads")["inbox_reads_total made"] - reads <= 2


async def move(world: World, place: Place) -> Place:
    """Store the event at `place` at a new position instead."""
    event = world.store.records[place]
    assert isinstance(event, StoredEvent)
    new = place._replace(position=world.minter.mint())
    await world.store.remove_events([place])
    await world.store.insert_events([replace(event, place=new)])
    return new


@with_world
async def test_ordinary_and_early_requests_wait_at_one_inbox(world: World) -> None:
    early = asyncio.create_task(Follower(world).read())
    ordinary = asyncio.create_task(world.wait())
    await asyncio.sleep(1)
    await world.commit()
    stored_ms = world.now_ms
    assert len((await early).events) == 1
    assert world.now_ms - stored_ms <= POLL_MS + 50
    assert len((await ordinary).events) == 1
    assert world.now_ms >= world.visible_ms[0]
