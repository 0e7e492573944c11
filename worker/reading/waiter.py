"""A request that waits for an event, and the events that one poll of its inbox has found."""

import asyncio
from bisect import bisect_left
from collections.abc import Container, Sequence
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from shared.model.type_pattern import matches_any

_position_of = attrgetter("position")


class Polled(NamedTuple):
    """An event that a poll found. Without a type, the position at which the poll stopped early."""

    position: str
    type: str | None


class Poll:
    """The events that one poll found, sorted. Matched once for all waiters with the same types."""

    def __init__(self, events: Sequence[Polled] = ()) -> None:
        self.events = events
        self._matching: dict[tuple[str, ...], list[Polled]] = {}

    def first(self, types: tuple[str, ...], start: str, unsettled: Container[str]) -> Polled | None:
        """Return the first event of `types` at or after `start` and not at a position in `unsettled`."""
        matching = self._matching.get(types)
        if matching is None:
            matching = [event for event in self.events if event.type is None or matches_any(types, event.type)]
            self._matching[types] = matching
        later = islice(matching, bisect_left(matching, start, key=_position_of), None)
        return next((event for event in later if event.position not in unsettled), None)


class EarlyWait(NamedTuple):
    """A wait that ends once an event is stored, elsewhere than at the positions `unsettled`, which have been read.

    `latest` is the position of the latest known event; polls are frequent for some time after it.
    """

    unsettled: frozenset[str]
    latest: str


class Waiter:
    """A request that waits for an event at or after `start`; `found` resolves to it, or None on shutdown.

    Each poll advances `start`: earlier positions have been polled.
    """

    __slots__ = ("delay_ms", "early", "found", "key_id", "start", "types")

    def __init__(self, start: str, types: Sequence[str], key_id: str, early: EarlyWait | None) -> None:
        self.start = start
        self.types = tuple(types)
        self.key_id = key_id
        self.early = early
        self.delay_ms = 0
        self.found: asyncio.Future[Polled | None] = asyncio.get_running_loop().create_future()

    def notify(self, poll: Poll, delay_ms: int = 0) -> None:
        """End the wait if `poll` has found a matching event; `delay_ms` later than it is readable."""
        event = poll.first(self.types, self.start, self.early.unsettled if self.early else ())
        if event is not None:
            self.delay_ms = delay_ms
            self.end(event)

    def end(self, found: Polled | None) -> None:
        """End the wait."""
        if not self.found.done():
            self.found.set_result(found)
