"""Time as a port, so that the protocol can be tested with clocks that drift and stand still."""

import asyncio
import time
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Milliseconds, twice: the wall's, for what others must understand, and a steady one, for spans."""

    def wall_ms(self) -> int:
        """Return milliseconds since the epoch; may jump."""
        ...

    def monotonic_ms(self) -> int:
        """Return milliseconds since some moment; never goes back, never jumps."""
        ...

    async def sleep_ms(self, duration_ms: float) -> None:
        """Wait for `duration_ms` milliseconds."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall_ms(self) -> int:
        """Return milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return milliseconds of a clock that never goes back."""
        return time.monotonic_ns() // 1_000_000

    async def sleep_ms(self, duration_ms: float) -> None:
        """Wait for `duration_ms` milliseconds."""
        await asyncio.sleep(duration_ms / 1000)


def rfc3339(time_ms: int) -> str:
    """Return milliseconds since the epoch as text in UTC, such as `2026-11-22T17:03:11.042Z`."""
    seconds, rest = divmod(time_ms, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=1024)  # most of what is told happened just now, or within one page of an inbox
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
