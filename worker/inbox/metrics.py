"""Measures the time from the acceptance of an event to its first read.

Processes do not share what they have returned, so each measures when it first returns an event itself. Only events
stored after the inbox was first read in this process count: a reader that starts at the beginning says nothing about
latency.
"""

from collections.abc import Hashable, Sequence

from shared.clock import Clock
from shared.containers import BoundedDict
from shared.model.records import StoredEvent
from shared.telemetry.catalog import Metrics

MAX_MARKS = 10_000
"""Inboxes to remember. Beyond that the oldest is forgotten; its next read counts as the first."""


class FirstReads:
    """Remembers how far each inbox has been read."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._seconds = metrics.first_read_seconds.of()
        self._clock = clock
        self._marks = BoundedDict[Hashable, str](MAX_MARKS)

    def count(self, inbox: Hashable, events: Sequence[StoredEvent], end: str, before: str) -> None:
        """Measure the new ones of `events` (oldest first), returned up to the position `end` by a read up to `before`.

        `inbox` is a key that all its readers share.
        """
        mark = self._marks.get(inbox)
        if mark is None:
            self._marks[inbox] = before
            return
        if end <= mark:
            return
        self._marks[inbox] = end
        now_ms = self._clock.wall_ms()
        for event in reversed(events):
            if event.place.position <= mark:
                break
            if event.place.position <= end:
                self._seconds.observe(max(0, now_ms - event.accepted_at) / 1000)

    def count_unsettled(self, inbox: Hashable, events: Sequence[StoredEvent]) -> None:
        """Measure `events` (oldest first) that an early read returned for the first time, after its `count`."""
        mark = self._marks.get(inbox)
        now_ms = self._clock.wall_ms()
        for event in events:
            if mark is None or event.place.position > mark:
                self._seconds.observe(max(0, now_ms - event.accepted_at) / 1000)
        if events:
            self._marks[inbox] = max(mark or "", events[-1].place.position)
