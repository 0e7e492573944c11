"""Virtual time: an event loop that never waits, and the clocks and failures of processes that live in it.

Whenever nothing is ready to run, time jumps to the next timer. Nothing else moves it, so a run depends on its
seed alone and takes as long as its computing does.
"""

import asyncio
import selectors

EPOCH_MS = 1_800_000_000_000


class Deadlock(Exception):
    """Nothing is ready, and no timer is set: no task would ever run again."""


class _NoWait(selectors.SelectSelector):
    """Waits for nothing; reports how long the loop would have waited."""

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


class Process:
    """A process that may stand still, die, and have a clock of its own. `Clock` as the protocol knows it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, skew_ms: int = 0) -> None:
        self.loop = loop
        self.skew_ms = skew_ms
        self.is_dead = False
        self._still_until = 0.0

    def wall_ms(self) -> int:
        return EPOCH_MS + self.skew_ms + self.monotonic_ms()

    def monotonic_ms(self) -> int:
        return int(self.loop.time() * 1000)

    async def sleep_ms(self, duration_ms: float) -> None:
        await asyncio.sleep(duration_ms / 1000)
        await self.awake()

    @property
    def is_still(self) -> bool:
        """Tell whether the process stands still now."""
        return self.loop.time() < self._still_until

    def stand_still(self, seconds: float) -> None:
        """Let nothing in this process go on for `seconds`; calls that are under way take effect all the same."""
        self._still_until = max(self._still_until, self.loop.time() + seconds)

    async def awake(self) -> None:
        """Wait while the process stands still; in a dead one, nothing ever goes on."""
        while self.is_still and not self.is_dead:  # noqa: ASYNC110 - it is time that is awaited
            await asyncio.sleep(self._still_until - self.loop.time())
        if self.is_dead:
            raise asyncio.CancelledError
