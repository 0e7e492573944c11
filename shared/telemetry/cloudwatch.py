"""Metrics in CloudWatch's embedded metric format: on Lambda, a line on stdout becomes metrics.

A sandbox writes a line at the end of its first invocation, and then of one every 10 s, with the changes since the last:

    {"_aws":{"Timestamp":1795368000000,"CloudWatchMetrics":[{"Namespace":"Triggers","Dimensions":[["function"]],
     "Metrics":[{"Name":"triggers_worker_events_total_stored","Unit":"Count"}, ...]}]},
     "function":"triggers-worker","triggers_worker_events_total_stored":25, ...}

CloudWatch bills per metric, which is a combination of a name and dimensions. So there is one dimension, label values
are appended to the name, and the label `status` is left out: API Gateway's own metrics have the failures. A histogram
bucket is reported as its mean value and its count: sums are exact, percentiles approximate. Gauges are omitted: they
mean little for one request at a time, and CloudWatch has its own metrics of the queue. The counts of a sandbox's last
seconds are lost, since Lambda does not announce its end.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import msgspec

from shared.clock import Clock
from shared.containers import batches
from shared.telemetry.catalog import Metrics
from shared.telemetry.instruments import AnyFamily, Counter, Histogram

NAMESPACE = "Triggers"
_INTERVAL_MS = 10_000
_OMITTED_LABEL = "status"
_MAX_METRICS = 100  # per directive; a line may contain several
_UNITS = {"seconds": "Seconds", "bytes": "Bytes"}
_not_sane = re.compile(r"[^a-zA-Z0-9]+").sub


def emitter(
    metrics: Metrics, clock: Clock, environ: Mapping[str, str], stream: TextIO | None = None
) -> Callable[[], None]:
    """Return a function to call after each invocation. It writes to `stream` (stdout); outside of Lambda, nothing."""
    function = environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if not function:
        return _nothing
    out, since = stream or sys.stdout, Since(metrics)
    next_ms = clock.monotonic_ms()

    def emit() -> None:
        nonlocal next_ms
        now_ms = clock.monotonic_ms()
        if now_ms < next_ms:
            return
        next_ms = now_ms + _INTERVAL_MS
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
            for name, measures in _by_name(family).items():
                if changed := self._changed(name, measures):
                    found[name] = unit, changed
        return found

    def _changed(self, name: str, measures: Sequence[Any]) -> float | dict[str, list[float]]:
        if isinstance(measures[0], Counter):
            return self._counted(name, sum(each.value for each in measures))
        return self._observed(name, measures) if isinstance(measures[0], Histogram) else {}

    def _counted(self, name: str, value: float) -> float:
        before: float = self._before.get(name, 0)
        self._before[name] = value
        return value - before

    def _observed(self, name: str, histograms: Sequence[Histogram]) -> dict[str, list[float]]:
        counts = [sum(each) for each in zip(*(one.counts for one in histograms), strict=True)]
        sums = [sum(each) for each in zip(*(one.sums for one in histograms), strict=True)]
        none = [0] * len(counts)
        counts_before, sums_before = self._before.get(name, (none, none))
        self._before[name] = counts, sums
        new = [
            ((sums[bucket] - sums_before[bucket]) / count, count)
            for bucket, count in enumerate(map(int.__sub__, counts, counts_before))
            if count
        ]
        return {"Values": [value for value, _ in new], "Counts": [count for _, count in new]} if new else {}


def _by_name(family: AnyFamily) -> dict[str, list[Any]]:
    """Return the instruments of `family` by the names under which CloudWatch gets them."""
    found: dict[str, list[Any]] = {}
    for values, measure in family.all():
        named = [value for label, value in zip(family.labels, values, strict=True) if label != _OMITTED_LABEL]
        name = "_".join([family.name, *(_not_sane("_", value).strip("_") for value in named)])
        found.setdefault(name, []).append(measure)
    return found


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
