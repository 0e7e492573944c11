"""The adaptive concurrency limit, and its use by the processor."""

import asyncio

from tests.fakes.scripted import Effect, Step
from tests.unit.worker.commit.rig import SETTINGS, Rig
from worker.commit.adaptive_concurrency import AdaptiveConcurrencyLimit


async def free_of(limit: AdaptiveConcurrencyLimit) -> int:
    """Return the number of free slots."""
    taken = 0
    try:
        async with asyncio.timeout(0.01):
            while True:
                await limit.acquire()
                taken += 1
    except TimeoutError:
        for _ in range(taken):
            limit.release(late=False)
        return taken


async def use(limit: AdaptiveConcurrencyLimit, *, late: bool) -> None:
    await limit.acquire()
    limit.release(late=late)


async def test_the_limit_starts_at_its_maximum() -> None:
    assert await free_of(AdaptiveConcurrencyLimit(3)) == 3


async def test_each_late_release_lowers_the_limit_down_to_one() -> None:
    limit = AdaptiveConcurrencyLimit(3)
    for left in (2, 1, 1):
        await use(limit, late=True)
        assert limit.current == await free_of(limit) == left


async def test_a_run_of_releases_in_time_raises_the_limit_up_to_its_maximum() -> None:
    limit = AdaptiveConcurrencyLimit(2)
    await use(limit, late=True)
    for _ in range(19):
        await use(limit, late=False)
    assert limit.current == 1
    await use(limit, late=True)  # a late one restarts the count
    for _ in range(19):
        await use(limit, late=False)
    assert limit.current == 1
    for _ in range(100):
        await use(limit, late=False)
    assert limit.current == await free_of(limit) == 2


class Concurrency:
    """Counts concurrent calls; each takes `wait_ms`."""

    def __init__(self, rig: Rig, wait_ms: int) -> None:
        self._rig = rig
        self._wait_ms = wait_ms
        self._now = 0
        self.most = 0

    def step(self) -> Step:
        async def step(effect: Effect) -> object:
            self._now += 1
            self.most = max(self.most, self._now)
            for _ in range(10):  # let all permitted calls begin
                await asyncio.sleep(0)
            answer: object = await effect()
            self._rig.clock.advance(self._wait_ms / 1000)
            self._now -= 1
            return answer

        return step


LATE_MS = SETTINGS.commit_deadline_ms + 1


def names(count: int) -> list[str]:
    return [f"e{number:04}" for number in range(count)]


async def test_late_claims_reduce_later_chunks_to_one_at_a_time() -> None:
    rig = Rig()
    slow, after = Concurrency(rig, LATE_MS), Concurrency(rig, 0)
    rig.store.on("insert_guards", *[slow.step()] * 8)
    rig.store.on("insert_guards", *[after.step()] * 4)
    await rig.process(rig.pack(*names(300)))
    assert (slow.most, after.most) == (8, 1)
    assert sorted(rig.names()) == names(300)


async def test_only_eight_events_move_concurrently_so_that_they_are_in_time() -> None:
    rig = Rig()
    rig.store.on("insert_guards", Concurrency(rig, LATE_MS).step())
    rig.store.on("move_guards", Concurrency(rig, LATE_MS).step())
    moving = Concurrency(rig, 0)
    rig.store.on("move_and_insert", *[moving.step()] * 25)
    await rig.process(rig.pack(*names(25)))
    assert moving.most == 8
    assert rig.store.calls.count("move_and_insert") == 25
    assert sorted(rig.names()) == names(25)


async def test_every_twenty_releases_in_time_raise_the_limit_by_one() -> None:
    limit = AdaptiveConcurrencyLimit(3)
    for _ in range(2):
        await use(limit, late=True)
    for expected in (2, 3):
        for _ in range(19):
            await use(limit, late=False)
        assert limit.current == expected - 1
        await use(limit, late=False)
        assert limit.current == expected
