"""Long polls of many inboxes: they take turns, which are fair among keys, and wait between two polls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.model.position import FIRST, floor_of, time_of
from shared.model.records import Place, StoredEvent
from tests.fakes.clock import FakeClock
from tests.fakes.store import SHARDS, FakeStore
from tests.fakes.virtual_time import in_virtual_time
from tests.simulation.virtual import Process
from tests.unit.worker.reading.test_long_poll import SETTINGS, World, with_world
from worker.reading.long_poll import LongPolls


@asynccontextmanager
async def greedy_keys(world: World) -> AsyncIterator[None]:
    """Let two keys wait at 600 inboxes, each of which is polled every 2.4 seconds, and two seconds pass."""
    waiters = []
    for key in ("greedy", "greedier"):
        waiters += [asyncio.create_task(world.wait(inbox=f"{number}", key=key)) for number in range(600)]
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    yield
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)


@with_world
async def test_keys_that_wait_at_many_inboxes_delay_no_other_key_at_whatever_inbox(world: World) -> None:
    async def follow(inbox: str, key: str) -> None:
        after = FIRST
        for _ in range(3):
            place = await world.commit(inbox=inbox)
            page = await world.wait(after, inbox=inbox, key=key)
            after = page.end
            assert after == place.position
            assert world.clock.wall_ms() - time_of(place.position) < SETTINGS.settle_ms + 330

    async with greedy_keys(world):
        await asyncio.gather(follow("other", "a"), follow("400", "b"))
        assert world.store.most_in_a_second(after_ms=2000) <= 1000 + 2 * 4 * SHARDS  # the turns, and pages


@with_world
async def test_waits_that_were_given_up_leave_nothing_behind(world: World) -> None:
    async with greedy_keys(world):
        pass
    await asyncio.sleep(1)
    assert world.metrics.watched.of().read() == 0
    started_ms = world.now_ms
    async with greedy_keys(world):
        assert world.store.most_in_a_second(after_ms=started_ms + 1100) <= 1000 + SHARDS


@in_virtual_time
async def test_a_request_that_comes_as_the_last_other_one_leaves_is_answered() -> None:
    clock = Process(asyncio.get_running_loop())
    store = FakeStore(clock)
    long_polls = LongPolls(store, clock, settle_ms=1000)
    orders = Place("t", "orders", "")
    await long_polls.turns.request("another key")
    leaves = asyncio.create_task(long_polls.wait(orders, FIRST, (), "k"))
    await asyncio.sleep(1)
    leaves.cancel()
    comes = asyncio.create_task(long_polls.wait(orders, FIRST, (), "k"))
    await asyncio.sleep(1)
    long_polls.turns.release()
    place = orders._replace(position=floor_of(clock.wall_ms()))
    await store.insert_events([StoredEvent(place=place, type="a", body=b"{}", accepted_at=0, expires_at=1 << 40)])
    assert await asyncio.wait_for(comes, 3) == place.position
    await long_polls.aclose()


@with_world
async def test_many_inboxes_are_polled_less_often(world: World) -> None:
    waiters = [asyncio.create_task(world.wait(inbox=f"{number}", seconds=12)) for number in range(500)]
    await asyncio.gather(*waiters)
    first = 2 * 500 * SHARDS  # the pages, and the first polls, whose shards are not known before
    assert len(world.store.queried_ms) <= first + 12 * 1000


class Watched(FakeStore):
    """A store that may report changes; `waits` are the marks and durations of the waits for one."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.state = 7
        self.is_changing = False
        self.waits: list[tuple[int, float]] = []

    def mark(self) -> int:
        return self.state

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:
        self.waits.append((mark, timeout_ms))
        self.state += self.is_changing


@pytest.mark.parametrize(
    ("latest_ms_ago", "pause_ms"),
    [(None, 500), (-1000, 50), (0, 50), (5000, 50), (20_000, 200), (50_000, 500), (10**6, 500)],
)
async def test_polls_pause_half_a_second_and_for_early_requests_a_hundredth_of_the_time_since_the_last_event(
    latest_ms_ago: int | None, pause_ms: int
) -> None:
    clock = FakeClock()
    store = Watched(clock)
    latest = None if latest_ms_ago is None else floor_of(clock.wall_ms() - latest_ms_ago)
    await LongPolls(store, clock, settle_ms=1000).pause(3, latest, 4)
    assert store.waits == [(3, pause_ms)]


@pytest.mark.parametrize(("is_changing", "turn_ms"), [(False, 4), (True, 1)])
async def test_a_poll_takes_a_millisecond_per_query_and_only_one_if_a_change_caused_it(
    *, is_changing: bool, turn_ms: int
) -> None:
    clock = FakeClock()
    store = Watched(clock)
    store.is_changing = is_changing
    assert await LongPolls(store, clock, settle_ms=1000).pause(store.mark(), None, 4) == turn_ms


async def test_turns_that_began_late_are_made_up_for_by_up_to_20_ms() -> None:
    clock = FakeClock()
    clock.advance(1)
    long_polls = LongPolls(FakeStore(clock), clock, settle_ms=1000)
    for _ in range(4):
        await long_polls.turns.request("k")
        long_polls.end_turn(10)
    await long_polls.turns.request("k")
    assert clock.slept_ms == [10, 10]
    long_polls.end_turn(1)
    await long_polls.turns.request("k")
    assert clock.slept_ms == [10, 10, 1]
