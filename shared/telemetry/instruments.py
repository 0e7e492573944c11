"""What counts: plain attributes, read only when somebody asks.

A POST takes some 160 µs of CPU. Counting it here takes 0.6; the same calls of prometheus_client take 3, for a lock and
a look-up each, and loading it takes 20 ms, for which a new Lambda sandbox would keep its client waiting. So the library
only writes what it is given, where it is asked for (`shared.telemetry.prometheus`).

For one thread, the event loop's; others may read at any time.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

Labels = Mapping[str, Sequence[str]]
"""Names of labels, each with all values that it may have."""


class Counter:
    """A number that only grows."""

    kind = "counter"
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        """Count `amount` more."""
        self.value += amount


class Gauge:
    """A number as it is now: set, or read when somebody asks. None is not known, and not told."""

    kind = "gauge"
    __slots__ = ("read", "value")

    def __init__(self) -> None:
        self.value: float | None = None
        self.read: Callable[[], float | None] = lambda: self.value


class Histogram:
    """How many values fell into each bucket, and their sum there. `bounds` are the upper ones, all but the last."""

    kind = "histogram"
    __slots__ = ("bounds", "counts", "sums")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sums = [0.0] * (len(bounds) + 1)

    def observe(self, value: float, times: int = 1) -> None:
        """Take in `value`, as often as it was seen."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += times
        self.sums[bucket] += value * times


M = TypeVar("M", Counter, Gauge, Histogram)


class Family(Generic[M]):
    """One metric: a measure for each combination of its labels' values that this process has to do with."""

    def __init__(self, make: Callable[[], M], name: str, meaning: str, labels: Labels) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self.kind = make().kind
        self._make: Callable[[], M] = make
        self._measures: dict[tuple[str, ...], M] = {}

    @property
    def unit(self) -> str:
        """The unit, which is the end of the name; empty for a number of things."""
        return next((unit for unit in ("seconds", "bytes") if self.name.endswith(f"_{unit}")), "")

    def of(self, *values: str) -> M:
        """Return the measure for these values of the labels, there and at zero from now on.

        Raises `ValueError` if a value is none of those that its label may have: a name out of a request can't become
        one. For a hot path, call this beforehand.
        """
        measure = self._measures.get(values)
        if measure is None:
            if not all(value in known for value, known in zip(values, self.labels.values(), strict=True)):
                raise ValueError(f"{self.name} has no {values}")
            measure = self._measures[values] = self._make()
        return measure

    def all(self) -> list[tuple[tuple[str, ...], M]]:
        """Return the measures that are there, with the values of their labels."""
        return list(self._measures.items())


AnyFamily = Family[Counter] | Family[Gauge] | Family[Histogram]
