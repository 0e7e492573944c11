"""Metrics in CloudWatch's embedded metric format: on Lambda, a line on stdout becomes metrics.

Each invocation writes one line with the changes since the previous one:

    {"_aws":{"Timestamp":1795368000000,"CloudWatchMetrics":[{"Namespace":"Triggers","Dimensions":[["function"]],
     "Metrics":[{"Name":"triggers_worker_events_total_stored","Unit":"Count"}, ...]}]},
     "function":"triggers-worker","triggers_worker_events_total_stored":25, ...}

CloudWatch bills per combination of dimensions, so there is one dimension, and label values are appended to the name.
A histogram bucket is reported as its mean value and its count: sums are exact, percentiles approximate. Gauges are
omitted: they mean little for one request at a time, and CloudWatch has its own metrics of the queue.
"""

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import msgspec

from shared.clock import Clock
from shared.containers import batches
from shared.telemetry.catalog import Metrics
from shared.telemetry.instruments import Counter, Histogram

NAMESPACE = "Triggers"
_MAX_METRICS = 100  # per directive; a line may contain several
_UNITS = {"seconds": "Seconds", "bytes": "Bytes"}
_not_sane = re.compile(r"[^a-zA-Z0-9]+").sub


def emitter(
    metrics: Metrics, clock: Clock, environ: Mapping[str, str], stream: TextIO | None = None
) -> Callable[[], None]:
    """Return a function that writes one line to `stream` (stdout) per call; outside of Lambda it does nothing."""
    function = environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if not function:
        return _nothing
    out, since = stream or sys.stdout, Since(metrics)

    def emit() -> None:
        values = since.values()
        if values:
            line = msgspec.json.encode(document(function, clock.wall_ms(), values)).decode()
            out.write(line + "\n")
            out.flush()

    return emit


class Since:
    """The changes of the metrics since they were last read."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._before: dict[str, Any] = {}

    def values(self) -> dict[str, tuple[str, Any]]:
        """Return the unit and value of each metric that changed, by name."""
        found: dict[str, tuple[str, Any]] = {}
        for family in self._metrics.families:
            unit = _UNITS.get(family.unit, "Count")
            for labels, measure in family.all():
                name = "_".join([family.name, *(_not_sane("_", label).strip("_") for label in labels)])
                if isinstance(measure, Counter) and (counted := self._counted(name, measure)):
                    found[name] = unit, counted
                if isinstance(measure, Histogram) and (observed := self._observed(name, measure)):
                    found[name] = unit, observed
        return found

    def _counted(self, name: str, measure: Counter) -> float:
        before: float = self._before.get(name, 0)
        self._before[name] = measure.value
        return measure.value - before

    def _observed(self, name: str, measure: Histogram) -> dict[str, list[float]]:
        counts, sums = list(measure.counts), list(measure.sums)
        none = [0] * len(counts)
        counts_before, sums_before = self._before.get(name, (none, none))
        self._before[name] = counts, sums
        new = [
            ((sums[bucket] - sums_before[bucket]) / count, count)
            for bucket, count in enumerate(map(int.__sub__, counts, counts_before))
            if count
        ]
        return {"Values": [value for value, _ in new], "Counts": [count for _, count in new]} if new else {}


def document(function: str, now_ms: int, values: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    """Return the object that is written as the line for `values`."""
    metrics = [{"Name": name, "Unit": unit} for name, (unit, _) in values.items()]
    directives = [
        {"Namespace": NAMESPACE, "Dimensions": [["function"]], "Metrics": some}
        for some in batches(metrics, _MAX_METRICS)
    ]
    return {
        "_aws": {"Timestamp": now_ms, "CloudWatchMetrics": directives},
        "function": function,
        **{name: value for name, (_, value) in values.items()},
    }


def _nothing() -> None:
    pass
