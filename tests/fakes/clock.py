"""A clock that tests control."""

import asyncio

START_MS = 1_800_000_000_000


class FakeClock:
    """Time passes only by `advance` and `sleep_ms`; `offset_ms` shifts the wall clock alone.

    A clock that `follows` another shares its time.
    """

    def __init__(self, wall_ms: int = START_MS, *, follows: "FakeClock | None" = None) -> None:
        self.now_ms = 0
        self.offset_ms = wall_ms - START_MS
        self.slept_ms: list[float] = []
        self._time = follows or self

    def advance(self, seconds: float) -> None:
        self._time.now_ms += round(seconds * 1000)

    def wall_ms(self) -> int:
        return START_MS + self.offset_ms + self._time.now_ms

    def monotonic_ms(self) -> int:
        return self._time.now_ms

    async def sleep_ms(self, duration_ms: float) -> None:
        self.slept_ms.append(duration_ms)
        self._time.now_ms += int(duration_ms)
        await asyncio.sleep(0)
