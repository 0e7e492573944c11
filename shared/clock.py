"""Time as a port, so that the protocol can be tested with clocks that drift or stop."""

import asyncio
import time
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Two clocks in milliseconds: wall time for timestamps that leave the process, monotonic time for durations."""

    def wall_ms(self) -> int:
        """Return milliseconds since the epoch; may jump in either direction."""
        ...

    def monotonic_ms(self) -> int:
        """Return milliseconds since an arbitrary start; never goes back, never jumps."""
        ...

    async def sleep_ms(self, duration_ms: float) -> None:
        """Wait for `duration_ms` milliseconds."""
        ...


class SystemClock:
    """The clocks of the operating system."""

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
    """Format milliseconds since the epoch as UTC, such as `2026-11-22T17:03:11.042Z`."""
    seconds, rest = divmod(time_ms, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=1024)  # most timestamps are recent, or from one page of an inbox
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
