"""Compares the wall clock of this process with the time of the services, which the `Date` of each answer shows.

An answer with the date D was made while the clock of the service showed D to D + 1 s, or up to another second later if
the server renews its date once a second, at some time between the call and its answer. That bounds the difference
between the time of the service and the monotonic clock of this process, and all answers together bound it more
narrowly: within some milliseconds from below, since no answer is dated later than it was made, and within a second from
above. The monotonic clock is not set, so a step of the wall clock is noticed without another answer.

The error of the clock is the smallest that is consistent with these bounds: 0 while the clock may be right. An answer
that contradicts the bounds decides nothing alone. Until the next one, the clock is in doubt.
"""

import logging
import math
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from shared.clock import Clock
from shared.model.errors import ClockWrong, Unavailable, Unclear
from shared.telemetry.catalog import Metrics
from shared.telemetry.instruments import Counter

_DATE_MS = 1000
_RENEWAL_MS = 1000
_DRIFT = 0.0005
"""Of the monotonic clock: NTP changes its rate by at most 500 ppm."""

_log = logging.getLogger("triggers.clock")


class Reading(NamedTuple):
    """Both clocks of a process, read at one time."""

    wall_ms: int
    monotonic_ms: int

    @classmethod
    def of(cls, clock: Clock) -> "Reading":
        """Read `clock`."""
        return cls(clock.wall_ms(), clock.monotonic_ms())


class _Bounds(NamedTuple):
    """Bounds of the time of the service minus the monotonic clock, as known at `at_ms` of the latter."""

    low: float
    high: float
    at_ms: int

    def at(self, monotonic_ms: int) -> "_Bounds":
        """Return the bounds at another time, wider by what the monotonic clock may have drifted."""
        drift = abs(monotonic_ms - self.at_ms) * _DRIFT
        return _Bounds(self.low - drift, self.high + drift, monotonic_ms)

    def narrowed(self, other: "_Bounds") -> "_Bounds | None":
        """Return what is within both, as known at the time of `other`; None if they contradict each other."""
        mine = self.at(other.at_ms)
        low, high = max(mine.low, other.low), min(mine.high, other.high)
        return _Bounds(low, high, other.at_ms) if low <= high else None

    def error_ms(self, reading: Reading) -> float:
        """Return by how much at least the wall clock is ahead (negative: behind) in `reading`."""
        bounds, difference = self.at(reading.monotonic_ms), reading.wall_ms - reading.monotonic_ms
        return max(0.0, difference - bounds.high) + min(0.0, difference - bounds.low)


class ServiceTime:
    """The time of the services, as far as their answers to this process have shown it.

    A clock is wrong if its error exceeds `limit_ms`: half of the difference that two clocks may have. Without answers,
    as on one machine, none is.
    """

    def __init__(self, limit_ms: float = math.inf) -> None:
        self._limit_ms = limit_ms
        self._bounds: _Bounds | None = None
        self._odd: _Bounds | None = None  # of the last answer, if it contradicts `_bounds`
        self._is_wrong = False
        self.refusals = Counter()

    def report_to(self, metrics: Metrics, clock: Clock) -> None:
        """Count refusals, and show the error of `clock`, in `metrics`."""
        self.refusals = metrics.clock_refusals.of()
        metrics.clock_error.of().read = lambda: self.error_ms(Reading.of(clock)) / 1000

    def observe(self, date_ms: int, sent_ms: int, received: Reading) -> None:
        """Take the date of an answer into account. `sent_ms` is when it was asked for, by the monotonic clock."""
        now_ms = received.monotonic_ms
        found = _Bounds(date_ms - now_ms, date_ms + _DATE_MS + _RENEWAL_MS - sent_ms, now_ms)
        self._bounds, self._odd = self._with(found, received)
        self.is_wrong(received)

    def _with(self, found: _Bounds, received: Reading) -> tuple[_Bounds, _Bounds | None]:
        """Return the bounds, and those of an odd answer, after an answer with the bounds `found`."""
        if self._bounds is None:
            return found, None
        if narrowed := self._bounds.narrowed(found):
            return narrowed, None
        if abs(found.error_ms(received)) <= self._limit_ms:
            return found, None  # the monotonic clock has stopped: that of a Lambda function does, between invocations
        if self._odd and (agreed := self._odd.narrowed(found)):
            return agreed, None
        return self._bounds, found

    def error_ms(self, reading: Reading) -> float:
        """Return by how much at least the wall clock is ahead (negative: behind) in `reading`; 0 if it may be right."""
        return self._bounds.error_ms(reading) if self._bounds else 0.0

    def confirms(self, reading: Reading) -> bool:
        """Return whether the wall clock may be right in `reading`, and nothing contradicts that."""
        return self._odd is None and abs(self.error_ms(reading)) <= self._limit_ms

    def is_wrong(self, now: Reading) -> bool:
        """Return whether the wall clock is wrong now; log when that begins and when it ends."""
        error_ms = self.error_ms(now)
        # A clock on the limit would be right and wrong in turns.
        is_wrong = abs(error_ms) > (self._limit_ms / 2 if self._is_wrong else self._limit_ms)
        if is_wrong and not self._is_wrong:
            _log.critical("the clock is wrong: nothing is stored or read", extra={"ahead_seconds": error_ms / 1000})
        if self._is_wrong and not is_wrong:
            _log.warning("the clock is right again")
        self._is_wrong = is_wrong
        return is_wrong

    async def check(self, reading: Reading, ask: Callable[[], Awaitable[object]]) -> None:
        """Return if the wall clock was right in `reading`, else raise `ClockWrong`.

        `ask` calls a service: if the answers so far do not confirm the clock, up to two more decide.
        """
        for _ in range(2):
            if self.confirms(reading):
                return
            try:
                await ask()
            except Unclear as error:
                raise Unavailable(str(error)) from None
        if not self.confirms(reading):
            self.refusals.add()
            raise ClockWrong(self.error_ms(reading))
