"""What metrics hold, in a form that a test can spell out."""

from shared.telemetry.catalog import Metrics
from shared.telemetry.instruments import Counter, Gauge, Histogram


def counted(metrics: Metrics, *prefixes: str) -> dict[str, float]:
    """Return what is not zero by name and values of labels; of a histogram, how many values it took in.

    With `prefixes`, only names that begin with one of them after `triggers_`.
    """
    found: dict[str, float] = {}
    for family in metrics.families:
        name = family.name.removeprefix("triggers_")
        if prefixes and not name.startswith(prefixes):
            continue
        for labels, measure in family.all():
            if value := _value(measure):
                found[" ".join([name, *labels])] = value
    return found


def _value(measure: Counter | Gauge | Histogram) -> float | None:
    match measure:
        case Counter():
            return measure.value
        case Gauge():
            return measure.read()
        case Histogram():
            return sum(measure.counts)
