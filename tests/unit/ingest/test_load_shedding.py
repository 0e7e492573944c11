import asyncio

import pytest

from ingest.load_shedding import LoadShedder
from shared.model.errors import Unavailable
from shared.telemetry.catalog import Metrics
from tests.counted import counted
from tests.manual import ManualClock

LONG, SHORT = 0.6, 0.01


class Loop:
    """Turns of an event loop, as long as they are said to be."""

    def __init__(self, most: int = 500) -> None:
        self.clock = ManualClock()
        self.metrics = Metrics()
        self.gate = LoadShedder(self.clock, self.metrics, most)

    async def turn(self, posts: int, seconds: float) -> int:
        """Let `posts` come in one turn, and answer them at its end; return how many were let in."""
        entered = sum(self.enter() for _ in range(posts))
        self.clock.advance(seconds)
        await asyncio.sleep(0)
        for _ in range(entered):
            self.gate.leave()
        return entered

    def enter(self) -> bool:
        try:
            self.gate.enter()
        except Unavailable:
            return False
        return True


@pytest.fixture
def loop() -> Loop:
    return Loop()


async def test_no_more_are_under_way_than_may_be() -> None:
    loop = Loop(most=10)
    assert await loop.turn(11, SHORT) == 10
    assert counted(loop.metrics, "ingest_shed") == {"ingest_shed_total posts": 1}
    assert await loop.turn(10, SHORT) == 10


async def test_one_long_turn_refuses_nobody(loop: Loop) -> None:
    for _ in range(5):
        assert await loop.turn(300, LONG) == 300
        assert await loop.turn(300, SHORT) == 300


async def test_while_turns_stay_long_ever_fewer_begin_in_one(loop: Loop) -> None:
    entered = [await loop.turn(400, LONG) for _ in range(9)]
    assert entered == [400, 400, 200, 100, 50, 25, 16, 16, 16]
    assert counted(loop.metrics, "ingest_shed") == {"ingest_shed_total turn": 9 * 400 - sum(entered)}


async def test_once_turns_are_short_all_are_let_in_again(loop: Loop) -> None:
    for _ in range(9):
        await loop.turn(400, LONG)
    entered = [await loop.turn(400, SHORT) for _ in range(40)]
    assert entered == sorted(entered)
    assert entered[-1] == 400


async def test_a_turn_begins_with_its_first_post(loop: Loop) -> None:
    for _ in range(5):
        loop.clock.advance(LONG)
        assert await loop.turn(400, SHORT) == 400
