"""The machine's own clocks."""

import time

from shared.clock import SystemClock


async def test_the_wall_clock_is_correct_and_the_monotonic_clock_never_goes_back() -> None:
    clock = SystemClock()
    before_s, steady_ms = time.time(), clock.monotonic_ms()
    wall_ms = clock.wall_ms()
    await clock.sleep_ms(2)
    assert int(before_s * 1000) <= wall_ms <= time.time() * 1000
    assert clock.monotonic_ms() > steady_ms
