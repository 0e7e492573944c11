"""Measures what a worker writes to each inbox, to find those that one partition does not take."""

from collections.abc import Sequence

import msgspec

from shared.clock import Clock
from shared.containers import BoundedDict
from shared.model.layout import InboxName
from shared.model.records import Outcome, StoredEvent

WINDOW_MS = 10_000
"""A load counts if it lasts this long."""

_MAX_INBOXES = 10_000
_UNIT_BYTES = 1024
_ITEM_BYTES = 200  # of an item beside its body


class LoadWindow(msgspec.Struct):
    """What was written to an inbox from `began_ms` on, by the wall clock, and for how long the table throttled it."""

    began_ms: int
    since_ms: int  # the same by the monotonic clock
    ended_ms: int = 0
    units: int = 0
    first_throttled_ms: int = 0
    last_throttled_ms: int = 0

    @property
    def units_per_second(self) -> float:
        """Write units a second."""
        return 1000 * self.units / max(WINDOW_MS, self.ended_ms - self.since_ms)

    @property
    def throttled_ms(self) -> int:
        """Time from the first to the last throttled write."""
        return self.last_throttled_ms - self.first_throttled_ms

    def add(self, units: int, now_ms: int, *, throttled: bool) -> None:
        """Add the result of one call."""
        self.units += units
        if throttled:
            self.first_throttled_ms = self.first_throttled_ms or now_ms
            self.last_throttled_ms = now_ms


class InboxLoads:
    """The loads of the inboxes that a worker writes to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows = BoundedDict[InboxName, LoadWindow](_MAX_INBOXES)
        self._ended = BoundedDict[InboxName, LoadWindow](_MAX_INBOXES)

    def observe(self, events: Sequence[StoredEvent], outcomes: Sequence[Outcome]) -> None:
        """Record the outcomes of inserting `events`, in one call."""
        loads: dict[InboxName, tuple[int, bool]] = {}
        for event, outcome in zip(events, outcomes, strict=True):
            name = InboxName(event.place.tenant, event.place.inbox)
            units, throttled = loads.get(name, (0, False))
            if outcome is Outcome.THROTTLED:
                loads[name] = units, True
            else:
                loads[name] = units + 1 + (len(event.body) + _ITEM_BYTES) // _UNIT_BYTES, throttled
        now_ms = self._clock.monotonic_ms()
        for name, (units, throttled) in loads.items():
            self._window(name, now_ms).add(units, now_ms, throttled=throttled)

    def take_ended(self) -> dict[InboxName, LoadWindow]:
        """Return the windows that have ended since the last call."""
        ended, self._ended = self._ended, BoundedDict(_MAX_INBOXES)
        return ended

    def _window(self, name: InboxName, now_ms: int) -> LoadWindow:
        window = self._windows.get(name)
        if window is not None and now_ms - window.since_ms < WINDOW_MS:
            return window
        if window is not None:
            window.ended_ms = now_ms
            self._ended[name] = window
        new = self._windows[name] = LoadWindow(began_ms=self._clock.wall_ms(), since_ms=now_ms)
        return new
