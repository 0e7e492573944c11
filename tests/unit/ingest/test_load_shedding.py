import asyncio

import pytest

from ingest.load_shedding import LoadShedder
from shared.model.errors import Unavailable
from shared.telemetry.catalog import Metrics
from tests.counted import counted
from tests.fakes.clock import FakeClock

LONG, SHORT = 0.6, 0.01


class Loop:
    """Runs event-loop iterations of a given length."""

    def __init__(self, max_posts: int = 1000) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.load_shedder = LoadShedder(self.clock, self.metrics, max_posts)

    async def run(self, posts: int, seconds: float) -> int:
        """Start `posts` in one iteration and answer them at its end; return the number admitted."""
        entered = sum(self.enter() for _ in range(posts))
        self.clock.advance(seconds)
        await asyncio.sleep(0)
        for _ in range(entered):
            self.load_shedder.leave("k")
        return entered

    def enter(self, key: str = "k") -> bool:
        try:
            self.load_shedder.arrive()
            self.load_shedder.enter(key)
        except Unavailable:
            return False
        return True


@pytest.fixture
def loop() -> Loop:
    return Loop()


async def test_posts_in_progress_are_limited() -> None:
    loop = Loop(max_posts=20)
    assert await loop.run(11, SHORT) == 10
    assert counted(loop.metrics, "ingest_shed") == {"ingest_shed_total posts": 1}
    assert await loop.run(10, SHORT) == 10


async def test_posts_of_one_key_leave_places_to_the_others() -> None:
    loop = Loop(max_posts=20)
    entered = []
    for key in ("greedy", "other", "third"):
        entered.append(sum(loop.enter(key) for _ in range(20)))
        await asyncio.sleep(0)
    assert entered == [10, 5, 3]
    for _ in range(2):
        loop.load_shedder.leave("greedy")
    assert not loop.enter("greedy")
    assert loop.enter("third")


async def test_one_long_iteration_refuses_no_post(loop: Loop) -> None:
    for _ in range(5):
        assert await loop.run(300, LONG) == 300
        assert await loop.run(300, SHORT) == 300


async def test_while_iterations_stay_long_each_admits_fewer_posts(loop: Loop) -> None:
    entered = [await loop.run(400, LONG) for _ in range(9)]
    assert entered == [400, 400, 200, 100, 50, 25, 16, 16, 16]
    assert counted(loop.metrics, "ingest_shed") == {"ingest_shed_total event_loop": 9 * 400 - sum(entered)}


async def test_once_iterations_are_short_all_posts_are_admitted_again(loop: Loop) -> None:
    for _ in range(9):
        await loop.run(400, LONG)
    entered = [await loop.run(400, SHORT) for _ in range(40)]
    assert entered == sorted(entered)
    assert entered[-1] == 400


async def test_an_iteration_begins_with_its_first_post(loop: Loop) -> None:
    for _ in range(5):
        loop.clock.advance(LONG)
        assert await loop.run(400, SHORT) == 400
