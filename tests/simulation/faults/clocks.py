"""Clocks that drift and are set, within the largest difference that is permitted between two of them."""

import asyncio
import random

from tests.simulation.virtual import Process

_STEPS = 60
_LAST_SECONDS = 40.0


class UnsteadyProcess(Process):
    """A process whose wall clock is up to `half_ms` ahead or behind, drifts between two steps, and is set at each."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rng: random.Random, *, half_ms: int) -> None:
        super().__init__(loop)
        self._half_ms = half_ms
        self._start = loop.time()
        self._offsets = [self._draw(rng) for _ in range(rng.randint(1, _STEPS))]

    def wall_ms(self) -> int:
        self.skew_ms = self._offset_ms(self._loop_seconds())
        return super().wall_ms()

    def _loop_seconds(self) -> float:
        return min(self.loop.time() - self._start, _LAST_SECONDS) / _LAST_SECONDS * len(self._offsets)

    def _offset_ms(self, steps: float) -> int:
        """Return the offset after `steps`: it moves from one value to another, and is set to the next pair's first."""
        before, after = self._offsets[min(int(steps), len(self._offsets) - 1)]
        return round(before + (after - before) * (steps % 1))

    def _draw(self, rng: random.Random) -> tuple[int, int]:
        extremes = (-self._half_ms, self._half_ms)
        before = rng.choice((*extremes, rng.randint(*extremes)))
        return before, rng.choice((before, before, rng.choice(extremes)))
