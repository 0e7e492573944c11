"""Long polls in virtual time: when waiters are answered, how many queries they cost, and how waits end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from shared.memory.bodies import MemoryBodies
from shared.model.position import FIRST, Minter, time_of
from shared.model.records import Place, StoredEvent
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from tests.fakes.store import SHARDS, FakeStore
from tests.fakes.virtual_time import in_virtual_time
from tests.simulation.virtual import Process
from worker.inbox.reader import Inbox, Page, PageRequest
from worker.reading import long_poll
from worker.reading.long_poll import POLL_MS

SETTINGS = Settings()


class World:
    """An inbox in virtual time."""

    def __init__(self) -> None:
        self.clock = Process(asyncio.get_running_loop())
        self.store = FakeStore(self.clock, delay_ms=5)
        self.metrics = Metrics()
        self.inbox = Inbox(self.store, MemoryBodies(), self.clock, SETTINGS, self.metrics)
        self.minter = Minter(self.clock)
        self.visible_ms: list[int] = []

    @property
    def now_ms(self) -> int:
        return self.clock.monotonic_ms()

    async def commit(self, kind: str = "a", *, takes_ms: int = 20, inbox: str = "default") -> Place:
        """Mint a position, and store an event there some time later."""
        place = Place("t", inbox, self.minter.mint())
        self.visible_ms.append(self.now_ms + max(SETTINGS.settle_ms + 1, takes_ms))
        await self.clock.sleep_ms(takes_ms)
        body = msgspec.json.encode({"specversion": "1.0", "id": place.position, "source": "/", "type": kind})
        expires_at = self.clock.wall_ms() // 1000 + 1000
        event = StoredEvent(place=place, type=kind, body=body, accepted_at=self.clock.wall_ms(), expires_at=expires_at)
        await self.store.insert_events([event])
        return place

    async def wait(
        self, after: str = FIRST, *types: str, seconds: float = 20, inbox: str = "default", key: str = "k"
    ) -> Page:
        return await self.inbox.read(PageRequest("t", inbox, after, types=types), seconds, key)


def with_world(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @in_virtual_time
    async def run() -> None:
        world = World()
        try:
            await test(world)
        finally:
            await world.inbox.aclose()

    run.__name__ = test.__name__
    return run


@with_world
async def test_a_thousand_waiters_are_answered_by_one_event(world: World) -> None:
    await asyncio.sleep(100)
    waiters = [asyncio.create_task(world.wait()) for _ in range(1000)]
    await asyncio.sleep(7.3)
    assert len(world.store.queried_ms) <= 10 * 7.3
    assert world.store.most_in_a_second() <= 12  # the first page and two polls
    queries_before = len(world.store.queried_ms)
    await world.commit()
    pages = await asyncio.gather(*waiters)
    assert all(len(page.events) == 1 for page in pages)
    assert len({id(page) for page in pages}) == 5  # of 200 requests each, so that others are answered in between
    assert 0 <= world.now_ms - world.visible_ms[0] < 50
    assert len(world.store.queried_ms) - queries_before <= 8 * SHARDS  # up to three polls, and five shared pages


@with_world
async def test_waiters_at_other_positions_share_the_polls(world: World) -> None:
    first = await world.commit()
    await asyncio.sleep(2)
    waiters = [asyncio.create_task(world.wait(first.position, *types)) for types in ((), ("a",), ("a.*", "a"))]
    waiters.append(asyncio.create_task(world.wait(first.position, "b", seconds=9)))
    await asyncio.sleep(5.2)
    assert len(world.store.queried_ms) <= 4 * SHARDS + 11 * SHARDS
    await world.commit()
    pages = await asyncio.gather(*waiters)
    assert [len(page.events) for page in pages] == [1, 1, 1, 0]


@pytest.mark.parametrize("takes_ms", [0, 300, 700, 800])
@pytest.mark.parametrize("after_ms", [0, 130, 260, 390, 499])
def test_an_event_wakes_waiters_within_300_ms_of_its_visibility(takes_ms: int, after_ms: int) -> None:
    @with_world
    async def waiting(world: World) -> None:
        waiter = asyncio.create_task(world.wait())
        await world.clock.sleep_ms(3000 + after_ms)
        await world.commit(takes_ms=takes_ms)
        page = await waiter
        assert len(page.events) == 1
        assert world.now_ms - world.visible_ms[0] < 330  # 300, and the two reads

    waiting()


@with_world
async def test_polls_read_only_what_may_be_new(world: World) -> None:
    waiter = asyncio.create_task(world.wait())
    await asyncio.sleep(5)
    with patch.object(world.store, "query", wraps=world.store.query) as query:
        await asyncio.sleep(1)
    start_ms = time_of(query.call_args.args[0].position)
    assert world.clock.wall_ms() - start_ms <= SETTINGS.settle_ms + 2 * POLL_MS + 50
    waiter.cancel()


@with_world
async def test_a_follower_that_waits_misses_nothing(world: World) -> None:
    async def post(number: int) -> None:
        await asyncio.sleep(number * 0.4 + (number * 37 % 100) / 100)
        await world.commit(takes_ms=number * 13 % 700)

    posting = asyncio.gather(*(post(number) for number in range(200)))
    seen = 0
    after = FIRST
    while seen < 200:
        page = await world.wait(after)
        seen += len(page.events)
        after = page.end
    await posting
    assert not (await world.wait(after, seconds=2)).events


@with_world
async def test_the_read_after_a_wait_begins_where_the_one_before_it_ended(world: World) -> None:
    passed = await world.commit("b")
    await asyncio.sleep(2)
    waiter = asyncio.create_task(world.wait(FIRST, "a"))
    await asyncio.sleep(2)
    await world.commit("a")
    with patch.object(world.store, "query", wraps=world.store.query) as query:
        assert len((await waiter).events) == 1
    assert query.call_args.args[0] == passed


@with_world
async def test_a_rare_type_is_found_among_more_events_than_a_poll_returns(world: World) -> None:
    waiter = asyncio.create_task(world.wait(FIRST, "rare"))
    await asyncio.sleep(2)
    await asyncio.gather(*(world.commit("b") for _ in range(900)), world.commit("rare"))
    page = await waiter
    assert len(page.events) == 1 or page.more
    assert world.now_ms < 5000


@with_world
async def test_a_wait_without_an_event_ends_in_time(world: World) -> None:
    page = await world.wait(seconds=4)
    assert not page.events
    assert 4000 <= world.now_ms < 4100
    assert page.end == FIRST
    await asyncio.sleep(10)
    assert world.store.queried_ms[-1] < 4500  # no polls while no request waits


@with_world
async def test_an_event_that_is_deleted_does_not_end_the_wait(world: World) -> None:
    waiter = asyncio.create_task(world.wait(seconds=6))
    await asyncio.sleep(2)
    place = await world.commit()
    await asyncio.sleep(0.7)
    await world.store.remove_events([place])
    page = await waiter
    assert not page.events
    assert world.now_ms >= 6000
    assert world.store.most_in_a_second() <= 3 * SHARDS


@with_world
async def test_a_new_waiter_uses_the_last_poll(world: World) -> None:
    other = asyncio.create_task(world.wait(FIRST, "b", seconds=4))
    await asyncio.sleep(2.3)
    place = await world.commit("a")
    await asyncio.sleep(0.8)
    assert world.now_ms - world.store.queried_ms[-1] < 0.2 * POLL_MS  # so that the next poll would be late
    assert (await world.wait(FIRST, "a")).end == place.position
    assert world.now_ms - world.visible_ms[0] < 50
    assert not (await other).events


@pytest.mark.parametrize("polls_before", [0, 4])
def test_waiters_outlast_a_table_that_does_not_answer(polls_before: int, caplog: pytest.LogCaptureFixture) -> None:
    @with_world
    async def waiting(world: World) -> None:
        waiter = asyncio.create_task(world.wait())
        await asyncio.sleep(polls_before * POLL_MS / 1000 + 0.007)  # after the page, which takes 5 ms
        world.store.down = True
        await asyncio.sleep(3)
        world.store.down = False
        await world.commit()
        assert len((await waiter).events) == 1

    waiting()
    assert {record.getMessage() for record in caplog.records} == {"a watched inbox can't be read"}
    assert {record.__dict__["error"] for record in caplog.records} == {"the table is gone"}


@with_world
async def test_waits_can_be_ended(world: World) -> None:
    waiters = [asyncio.create_task(world.wait()) for _ in range(3)]
    await asyncio.sleep(2)
    world.inbox.stop_waiting()
    assert [page.events for page in await asyncio.gather(*waiters)] == [[], [], []]
    assert not (await world.wait()).events
    assert world.now_ms < 2100


@with_world
async def test_closing_leaves_no_task_behind(world: World) -> None:
    before = asyncio.all_tasks()
    waiters = [asyncio.create_task(world.wait(inbox=f"{number}")) for number in range(200)]
    await asyncio.sleep(2)
    await world.inbox.aclose()
    assert asyncio.all_tasks() <= before | {*waiters}
    assert not any(page.events for page in await asyncio.gather(*waiters))


@with_world
async def test_a_canceled_waiter_is_removed(world: World) -> None:
    stays, leaves = asyncio.create_task(world.wait(seconds=8)), asyncio.create_task(world.wait())
    await asyncio.sleep(1)
    leaves.cancel()
    await asyncio.wait([leaves])
    await stays
    await asyncio.sleep(1)
    before = len(world.store.queried_ms)
    await asyncio.sleep(10)
    assert len(world.store.queried_ms) == before


@with_world
async def test_the_number_of_waiters_is_limited(world: World) -> None:
    half = long_poll.MAX_WAITERS // 2
    waiters = [asyncio.create_task(world.wait(seconds=5)) for _ in range(half)]
    await asyncio.sleep(1)
    await world.wait()
    assert world.now_ms < 1100
    await world.wait(key="other", seconds=1)
    assert world.now_ms >= 2000
    await asyncio.gather(*waiters)
