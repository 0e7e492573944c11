"""Metrics in the text formats of Prometheus and OpenMetrics, and a separate port that serves them."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.model.errors import InvalidSettings
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.telemetry.instruments import AnyFamily, Counter, Gauge, Histogram

if TYPE_CHECKING:  # loaded where it is used
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import CollectorRegistry


def text(metrics: Metrics, accept: str = "") -> tuple[bytes, str]:
    """Return the metrics in the format that `accept` requests, and its media type."""
    from prometheus_client.exposition import choose_encoder  # noqa: PLC0415

    encode, media_type = choose_encoder(accept)
    return encode(registry(metrics)), media_type


def registry(metrics: Metrics) -> "CollectorRegistry":
    """Return a registry for prometheus_client, with `metrics` and the memory, CPU and open files of the process."""
    from prometheus_client.process_collector import ProcessCollector  # noqa: PLC0415
    from prometheus_client.registry import CollectorRegistry  # noqa: PLC0415

    made = CollectorRegistry()
    made.register(_Collector(metrics))
    ProcessCollector(registry=made)
    return made


@contextmanager
def listening(metrics: Metrics, settings: Settings) -> Iterator[None]:
    """Serve every GET on METRICS_PORT from a thread until the end of the context; do nothing if the port is 0.

    Raises `InvalidSettings` if the port is unavailable.
    """
    if not settings.metrics_port:
        yield
        return
    with listening_on(metrics, settings.metrics_host, settings.metrics_port):
        yield


@contextmanager
def listening_on(metrics: Metrics, host: str, port: int) -> Iterator[int]:
    """Serve on `port`, or a free one if it is 0; yield the port. Raises `InvalidSettings` if it is unavailable."""
    from prometheus_client import start_http_server  # noqa: PLC0415

    try:
        server, thread = start_http_server(port, host, registry(metrics))
    except OSError as error:
        raise InvalidSettings([f"METRICS_HOST={host!r}, METRICS_PORT={port}: {error.strerror}"]) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Collector:
    """Converts the metrics for prometheus_client on every scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> "Iterable[Metric]":
        """Yield one metric per family, omitting those without samples."""
        for family in self._metrics.families:
            if metric := _metric(family):
                yield metric


def _metric(family: AnyFamily) -> "Metric | None":
    from prometheus_client.metrics_core import Metric  # noqa: PLC0415

    metric = Metric(family.name.removesuffix("_total"), family.meaning, family.kind, family.unit)
    for values, measure in family.all():
        labels = dict(zip(family.labels, values, strict=True))
        for suffix, more, value in _samples(measure):
            metric.add_sample(metric.name + suffix, labels | more, value)
    return metric if metric.samples else None


def _samples(measure: Counter | Gauge | Histogram) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield the name suffix, additional labels and value of each sample."""
    match measure:
        case Counter():
            yield "_total", {}, measure.value
        case Gauge():
            value = measure.read()
            if value is not None:
                yield "", {}, value
        case Histogram():
            total = 0
            for bound, count in zip((*measure.bounds, math.inf), list(measure.counts), strict=True):
                total += count
                yield "_bucket", {"le": "+Inf" if bound == math.inf else str(float(bound))}, total
            yield "_count", {}, total
            yield "_sum", {}, sum(measure.sums)
