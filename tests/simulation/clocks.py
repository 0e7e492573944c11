"""Worlds whose processes have clocks that are set wrong, and set right again, and services that date their answers.

Two processes of three have a clock that is set wrong by seconds to days, in either direction, some several times; some
of those then run too fast or too slow. A date has a resolution of a second, is up to another second old where a server
renews it once a second, and is one time in a hundred that of a server whose clock is wrong. Beyond the permitted skew,
no clock is wrong by less than two seconds: dates do not show that (docs/decisions/0025-clocks.md).
"""

import asyncio
import math
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from shared.model.errors import TriggersError, Unclear
from shared.service_time import Reading, ServiceTime
from shared.settings import Settings
from tests.simulation.profiles import Profile
from tests.simulation.run import Report, run_in
from tests.simulation.settings import SETTINGS
from tests.simulation.virtual import EPOCH_MS, Process, VirtualLoop
from tests.simulation.wire import Faults, Wire
from tests.simulation.world import World

T = TypeVar("T")

_ODD = 0.01
_SECONDS = (2.5, 5.0, 40.0, 300.0, 3_600.0, 3 * 86_400.0)
"""By how much a clock is set wrong."""
_DRIFTS = (0.0, 0.0, 0.2, 10.0)
"""Seconds a second by which it then gets worse."""


class ErringProcess(Process):
    """A process whose clock has `errors`: from when (seconds of the loop), the error in ms, and its change in ms/s."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_ms: int, errors: list[tuple[float, float, float]]) -> None:
        super().__init__(loop, skew_ms=skew_ms)
        self._errors = errors

    def wall_ms(self) -> int:
        now = self.loop.time()
        error = 0.0
        for since, error_ms, drift in self._errors:
            if now >= since:
                error = error_ms + drift * (now - since)
        return super().wall_ms() + int(error)


class _DatedWire(Wire):
    """A connection whose answers have dates, also those that say that a call was refused."""

    def __init__(
        self, process: Process, rng: random.Random, faults: Faults, *, timeout_ms: int, renewed_ms: int
    ) -> None:
        super().__init__(process, rng, faults, timeout_ms=timeout_ms)
        self._renewed_ms = renewed_ms

    async def call(self, effect: Callable[[], Coroutine[Any, Any, T]], *, in_parts: bool = False) -> T:
        sent_ms = self._process.monotonic_ms()
        dates: list[int] = []

        async def dated() -> T:
            dates.append(self._date())
            return await effect()

        try:
            result = await super().call(dated, in_parts=in_parts)
        except Unclear:
            raise  # there was no answer
        except TriggersError:
            self.observe(sent_ms)
            raise
        self.observe(sent_ms, dates[0])
        return result

    def observe(self, sent_ms: int, date_ms: int | None = None) -> None:
        """Compare the clock of the process with the date of an answer, which is made now if it is not given."""
        date_ms = self._date() if date_ms is None else date_ms
        self._process.service_time.observe(date_ms, sent_ms, Reading.of(self._process))

    def _date(self) -> int:
        """Return the date of an answer that is made now."""
        now_ms = EPOCH_MS + int(self._process.loop.time() * 1000)
        if self._renewed_ms:
            now_ms = (now_ms - self._renewed_ms) // 1000 * 1000 + self._renewed_ms
        if self._rng.random() < _ODD:
            now_ms += self._rng.choice((-1, 1)) * 600_000
        return now_ms // 1000 * 1000


class ClockWorld(World):
    """A deployment with such processes. Without `guarded`, they never compare their clocks."""

    def __init__(self, loop: VirtualLoop, seed: int, *, guarded: bool = True) -> None:
        self._limit_ms = SETTINGS.clock_skew_ms / 2 if guarded else math.inf
        # Lost answers: of a clock that is set, no age can be known, so an event may move and be seen at both positions.
        super().__init__(loop, seed, profile=Profile(name="wrong clocks", lost=True, crashes=seed % 2 == 0))
        self._renewed_ms = self.rng.choice((0, self.rng.randrange(1, 1000)))

    def process(self, *, reads: bool = False) -> Process:  # noqa: ARG002 - every clock may be wrong
        """Return a process that has just compared its clock with the answer to its first call."""
        half = SETTINGS.clock_skew_ms // 2
        process = ErringProcess(self.loop, self.rng.randint(-half, half), self._errors())
        process.service_time = ServiceTime(self._limit_ms)
        self._wire(process, self.faults).observe(process.monotonic_ms())
        self.processes.append(process)
        return process

    def _errors(self) -> list[tuple[float, float, float]]:
        """Return up to three errors in a row, and the time from which on the clock is right."""
        rng, since = self.rng, self.loop.time()
        errors = []
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
            since += rng.choice((0.0, rng.uniform(0, 6)))
            sign = rng.choice((-1000, 1000))
            errors.append((since, sign * rng.choice(_SECONDS), sign * rng.choice(_DRIFTS)))
        return [*errors, (since + rng.uniform(0, 6), 0.0, 0.0)]

    def _wire(self, process: Process, faults: Faults, settings: Settings = SETTINGS) -> _DatedWire:
        return _DatedWire(process, self.rng, faults, timeout_ms=settings.store_timeout_ms, renewed_ms=self._renewed_ms)


def simulate(seed: int, *, guarded: bool = True) -> Report:
    """Run `seed` and check the outcome, as `run.simulate` does."""
    return run_in(ClockWorld(VirtualLoop(), seed, guarded=guarded), seed)
