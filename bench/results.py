"""Results: samples, their median and spread, and whether they meet a goal."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """One number, measured in several rounds."""

    values: list[float]
    unit: str

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table. `ratio` is `ours` divided by `theirs`, or `ours` if `theirs` is None.

    `met` is None where there is no goal.
    """

    name: str
    what: str
    ours: Samples
    theirs: Samples | None
    ratio: float
    goal: str
    met: bool | None
    note: str = ""


Sense = Literal["at least", "at most"]


def row(
    name: str,
    what: str,
    *,
    ours: Samples,
    theirs: Samples | None = None,
    sense: Sense = "at least",
    goal: float | None = None,
    note: str = "",
) -> Row:
    """Return the line that compares medians with a goal; raise `ZeroDivisionError` if the other median is 0."""
    ratio = ours.median if theirs is None else ours.median / theirs.median
    text = "" if goal is None else f"{'≥' if sense == 'at least' else '≤'} {goal:.3g}"
    met = None if goal is None else ratio >= goal if sense == "at least" else ratio <= goal
    return Row(name=name, what=what, ours=ours, theirs=theirs, ratio=ratio, goal=text, met=met, note=note)


def alternate(sides: Mapping[str, Callable[[], float]], rounds: int, unit: str) -> dict[str, Samples]:
    """Measure every side once a round, so that disturbances of the machine affect all."""
    values: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, measure in sides.items():
            values[side].append(measure())
    return {side: Samples(values=found, unit=unit) for side, found in values.items()}


def percentile(in_order: Sequence[float], percent: float) -> float:
    """Return the value at or below which `percent` of the sorted values lie; 0 if there are none."""
    if not in_order:
        return 0.0
    return in_order[min(len(in_order) - 1, int(len(in_order) * percent / 100))]
