"""Retries in place."""

from collections.abc import Awaitable, Callable

import pytest

from shared.model.errors import Poison, Unavailable, Unclear
from tests.fakes.clock import FakeClock
from tests.unit.worker.commit.rig import after
from worker.commit.processor import never
from worker.commit.retry import retry_until


def script(*answers: str | Exception | None) -> Callable[[], Awaitable[str | None]]:
    left = list(answers)

    async def attempt() -> str | None:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return attempt


async def test_an_immediate_result_takes_no_time() -> None:
    clock = FakeClock()
    assert await retry_until(clock, script("done"), give_up=never) == "done"
    assert clock.now_ms == 0


async def test_none_and_outages_are_retried_after_pauses_that_double() -> None:
    clock = FakeClock()
    attempt = script(None, Unavailable("down"), Unclear("cut off"), "done")
    assert await retry_until(clock, attempt, give_up=never) == "done"
    assert clock.now_ms == 20 + 40 + 80


async def test_pauses_grow_to_at_most_five_seconds() -> None:
    clock = FakeClock()
    await retry_until(clock, script(*[None] * 10, "done"), give_up=never)
    assert clock.now_ms == 20 + 40 + 80 + 160 + 320 + 640 + 1280 + 2560 + 5000 + 5000


async def test_giving_up_ends_the_retries() -> None:
    assert await retry_until(FakeClock(), script(None, None), give_up=after(2)) is None


async def test_giving_up_beforehand_makes_no_attempt() -> None:
    assert await retry_until(FakeClock(), script(), give_up=lambda: True) is None


async def test_other_errors_propagate() -> None:
    with pytest.raises(Poison):
        await retry_until(FakeClock(), script(Poison("bad")), give_up=never)
