"""How long events take from their acceptance to their first reader.

A process can't know what others handed out, so it counts the first time that it hands out an event itself, and only
events that were stored since somebody first read their inbox here: a reader that starts at the beginning says nothing
about latency.
"""

from collections.abc import Hashable, Sequence

from shared.clock import Clock
from shared.containers import BoundedDict
from shared.model.records import StoredEvent
from shared.telemetry.catalog import Metrics

MAX_MARKS = 10_000
"""Inboxes that are remembered; past it the oldest is forgotten, and counts anew from its next read."""


class FirstReads:
    """Remembers how far each inbox was read."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._seconds = metrics.first_read_seconds.of()
        self._clock = clock
        self._marks = BoundedDict[Hashable, str](MAX_MARKS)

    def count(self, inbox: Hashable, events: Sequence[StoredEvent], end: str, before: str) -> None:
        """Count what is new of `events`, oldest first, handed out up to the position `end` by a read up to `before`.

        `inbox` is whatever its readers have in common.
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
