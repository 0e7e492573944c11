"""Virtual time: an event loop that never waits, and simulated processes with their own clocks and failures.

When no task is ready, time jumps to the next timer. Nothing else advances it, so a run depends on its seed alone and
takes only the time of its computation.
"""

import asyncio
import selectors

from shared.service_time import ServiceTime

EPOCH_MS = 1_800_000_000_000


class Deadlock(Exception):
    """No task is ready and no timer is set: no task would ever run again."""


class _NoWait(selectors.SelectSelector):
    """Never waits; adds up how long the loop would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock
        self.waited += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time starts at 0 and jumps."""

    def __init__(self) -> None:
        self._no_wait = _NoWait()
        super().__init__(self._no_wait)

    def time(self) -> float:
        return self._no_wait.waited

    def jump(self, seconds: float) -> None:
        """Let `seconds` pass at once: every timer that is due meanwhile fires late, as after a machine's sleep."""
        self._no_wait.waited += seconds


class Process:
    """A process that may stall or die and has its own clock: it implements `Clock`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, skew_ms: int = 0) -> None:
        self.loop = loop
        self.skew_ms = skew_ms
        self.service_time = ServiceTime()
        self.is_dead = False
        self._stalled_until = 0.0

    def wall_ms(self) -> int:
        return EPOCH_MS + self.skew_ms + self.monotonic_ms()

    def monotonic_ms(self) -> int:
        return int(self.loop.time() * 1000)

    async def sleep_ms(self, duration_ms: float) -> None:
        await asyncio.sleep(duration_ms / 1000)
        await self.awake()

    @property
    def is_stalled(self) -> bool:
        """Whether the process is stalled now."""
        return self.loop.time() < self._stalled_until

    def stall(self, seconds: float) -> None:
        """Stall the process for `seconds`; calls in flight still take effect."""
        self._stalled_until = max(self._stalled_until, self.loop.time() + seconds)

    async def awake(self) -> None:
        """Wait while the process is stalled; if it is dead, cancel the caller."""
        while self.is_stalled and not self.is_dead:  # noqa: ASYNC110 - it is time that is awaited
            await asyncio.sleep(self._stalled_until - self.loop.time())
        if self.is_dead:
            raise asyncio.CancelledError
