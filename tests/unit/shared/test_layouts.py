"""The copy of a layout that a process holds: when it is renewed, when it is not used, and how it is changed."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from shared.layout_ports import Reading
from shared.layouts import LayoutFull, Layouts
from shared.memory.layout_store import MemoryLayoutStore
from shared.model import layout as layout_model
from shared.model.errors import Unavailable, Unclear
from shared.model.layout import Epoch, InboxName, Layout
from tests.fakes.clock import FakeClock

NAME = InboxName("acme", "orders")


class Store(MemoryLayoutStore):
    """Counts its readings, which may fail or take some time, and may be preceded by the changes of others."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.clock = clock
        self.reads = 0
        self.down = False
        self.takes_ms = 0
        self.others: list[Callable[[Layout], Layout]] = []

    async def read(self) -> Reading:
        self.reads += 1
        reading = await super().read()
        self.clock.advance(self.takes_ms / 1000)
        if self.down:
            raise Unclear("no answer")
        return reading

    async def write(self, layout: Layout) -> bool:
        if self.others:
            changed = self.others.pop()(self.layout)
            assert await super().write(replace(changed, version=self.layout.version + 1))
        return await super().write(layout)


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = Store(self.clock)
        self.layouts = Layouts(self.store, self.clock, skew_ms=100)

    async def used_after(self, ages: Sequence[float]) -> list[int]:
        """Return the number of readings after each use; the ages are in seconds, one after another."""
        reads = []
        for seconds in ages:
            self.clock.advance(seconds)
            await self.layouts.current()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            reads.append(self.store.reads)
        return reads


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_copy_is_renewed_in_the_background_after_15_seconds(bench: Bench) -> None:
    assert await bench.used_after([0, 14.9, 0.2, 15, 14]) == [1, 1, 2, 2, 3]


async def test_a_copy_is_used_while_the_table_does_not_answer_for_45_seconds_at_most(bench: Bench) -> None:
    await bench.layouts.current()
    bench.store.down = True
    await bench.used_after([44.9])
    bench.clock.advance(0.2)
    with pytest.raises(Unavailable):
        await bench.layouts.current()


async def test_a_wall_clock_that_jumps_makes_a_copy_old(bench: Bench) -> None:
    await bench.layouts.current()
    bench.clock.offset_ms += 46_000  # as after a machine was asleep, while its monotonic clock stopped
    await bench.layouts.current()
    assert bench.store.reads == 2


async def test_a_reading_that_takes_too_long_is_not_used(bench: Bench) -> None:
    bench.store.takes_ms = 46_000
    with pytest.raises(Unavailable, match="too long"):
        await bench.layouts.current()


async def test_a_later_position_than_the_copy_answers_for_makes_it_read_again(bench: Bench) -> None:
    await bench.layouts.current()
    now_ms = bench.clock.wall_ms()
    await bench.layouts.for_writing(now_ms + 45_000)
    assert bench.store.reads == 1
    bench.clock.advance(1)
    await bench.layouts.for_writing(now_ms + 45_500)
    assert bench.store.reads == 2


async def test_nothing_is_written_at_a_position_that_no_copy_answers_for(bench: Bench) -> None:
    beyond_ms = bench.clock.wall_ms() + 45_001
    with pytest.raises(Unavailable, match="clock"):
        await bench.layouts.for_writing(beyond_ms)
    assert await bench.layouts.current(beyond_ms) == Layout()


async def test_a_change_takes_effect_after_every_copy_has_been_replaced(bench: Bench) -> None:
    assert await bench.layouts.scale(NAME, 4)
    effect_ms = bench.clock.wall_ms() + 60_100
    assert bench.store.layout.inboxes[NAME].epochs == (Epoch(effect_ms, 4),)
    assert bench.layouts.latest == bench.store.layout
    assert not await bench.layouts.scale(NAME, 4)


async def test_a_change_is_made_to_what_others_have_written(bench: Bench) -> None:
    other = InboxName("acme", "other")
    bench.store.others = [lambda layout: layout.scaled(other, 2, 5), lambda layout: layout.scaled(other, 8, 9)]
    assert await bench.layouts.scale(NAME, 4)
    assert set(bench.store.layout.inboxes) == {NAME, other}
    assert bench.store.layout.version == 3


async def test_a_layout_does_not_grow_beyond_what_an_item_holds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await bench.layouts.scale(NAME, 4)
    monkeypatch.setattr("shared.layouts.MAX_BYTES", 50)
    with pytest.raises(LayoutFull):
        await bench.layouts.scale(InboxName("acme", "other"), 2)
    assert await bench.layouts.change(lambda layout, _: replace(layout, inboxes={}))


def test_the_times_leave_15_seconds_for_a_change_to_be_written() -> None:
    timing = layout_model.Timing()
    assert timing.lead_ms - timing.max_age_ms == 15_000
    assert timing.refresh_ms < timing.max_age_ms
