"""What Prometheus reads, read by its own parsers."""

import socket
import urllib.request

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.samples import Sample

from shared.model.errors import InvalidSettings
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.telemetry.prometheus import listening, listening_on, text


def some() -> Metrics:
    metrics = Metrics()
    metrics.events_accepted.of().add(3)
    metrics.shed.of("buffer").add()
    metrics.buffer_bytes.of().read = lambda: 42
    metrics.queue_messages.of("dlq")  # not known yet
    metrics.send_seconds.of().observe(0.004)
    metrics.send_seconds.of().observe(99, 2)
    return metrics


def samples(given: str, parse: object = parser) -> dict[str, float]:
    families = parse.text_string_to_metric_families(given)  # type: ignore[attr-defined]
    found: list[Sample] = [sample for family in families for sample in family.samples]
    return {sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value for sample in found}


@pytest.mark.parametrize(
    ("accept", "parse", "media_type"),
    [("", parser, "text/plain"), ("application/openmetrics-text", openmetrics, "application/openmetrics-text")],
)
def test_both_formats_contain_all_metrics(accept: str, parse: object, media_type: str) -> None:
    content, reported = text(some(), accept)
    assert reported.startswith(media_type)
    ours = {name: value for name, value in samples(content.decode(), parse).items() if name.startswith("triggers_")}
    buckets = {name: value for name, value in ours.items() if "_bucket" in name}
    assert ours.items() - buckets.items() == {
        ("triggers_events_accepted_total", 3),
        ("triggers_ingest_shed_total buffer", 1),
        ("triggers_ingest_buffer_bytes", 42),
        ("triggers_ingest_send_duration_seconds_count", 3),
        ("triggers_ingest_send_duration_seconds_sum", 198.004),
    }
    assert buckets["triggers_ingest_send_duration_seconds_bucket 0.0025"] == 0
    assert buckets["triggers_ingest_send_duration_seconds_bucket 0.005"] == 1
    assert buckets["triggers_ingest_send_duration_seconds_bucket 20.0"] == 1
    assert buckets["triggers_ingest_send_duration_seconds_bucket +Inf"] == 3


def test_process_memory_is_reported() -> None:
    assert samples(text(Metrics())[0].decode())["process_resident_memory_bytes"] > 0


def fetch(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        content: bytes = answer.read()
    return content.decode()


def test_a_separate_port_serves_metrics_until_the_end() -> None:
    metrics = Metrics()
    with listening_on(metrics, "127.0.0.1", 0) as port:
        metrics.events_accepted.of().add(5)
        assert samples(fetch(port))["triggers_events_accepted_total"] == 5
    with pytest.raises(OSError, match="refused"):
        fetch(port)


def test_a_port_in_use_is_an_invalid_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(metrics_port=taken.getsockname()[1])
        with pytest.raises(InvalidSettings, match="METRICS_PORT"), listening(Metrics(), settings):
            pass


def test_without_a_port_nothing_listens() -> None:
    with listening(Metrics(), Settings(metrics_host="no.such.host.invalid")):
        pass
