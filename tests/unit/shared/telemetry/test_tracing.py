import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from shared.telemetry import tracing
from shared.telemetry.tracing import Tracing

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traces(spans: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider.get_tracer("test"))


@pytest.fixture
def process() -> Iterator[None]:
    """Tracing is the process's: leave it off."""
    yield
    tracing.configure({}, "triggers")


def test_a_message_continues_the_trace_that_its_attributes_name(traces: Tracing, spans: InMemorySpanExporter) -> None:
    traces.message({"traceparent": PARENT}, 250, {"message_id": "m1", "stored": 3, "reason": None})
    (span,) = spans.get_finished_spans()
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id) == (TRACE_ID, 0xB7AD6B7169203331)
    assert dict(span.attributes or {}) == {"triggers.message_id": "m1", "triggers.stored": "3"}
    assert (span.end_time or 0) - (span.start_time or 0) == 250_000_000


@pytest.mark.parametrize("given", [{}, {"traceparent": "00-nonsense"}])
def test_a_message_that_names_no_trace_starts_one(
    traces: Tracing, spans: InMemorySpanExporter, given: dict[str, str]
) -> None:
    traces.message(given, 1, {})
    (span,) = spans.get_finished_spans()
    assert span.parent is None


def test_propagated_context_continues_the_span_of_a_request(traces: Tracing) -> None:
    span, handed_on = traces.request("POST", {"traceparent": PARENT, "tracestate": "a=b"})
    own = span.get_span_context()
    assert own.trace_id == TRACE_ID
    assert handed_on == {"traceparent": f"00-{TRACE_ID:032x}-{own.span_id:016x}-01", "tracestate": "a=b"}


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "no-such-exporter"},
    ],
)
def test_tracing_is_disabled_unless_configured_completely(environ: dict[str, str]) -> None:
    tracing.configure(environ, "triggers")
    assert tracing.current() is None


@pytest.mark.usefixtures("process")
def test_a_missing_package_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    tracing.configure({"OTEL_TRACES_EXPORTER": "no-such-exporter"}, "triggers")
    assert [record.__dict__["missing"] for record in caplog.records] == ["exporter no-such-exporter"]


def run(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Record a message in a process of its own; it says on standard error whether OpenTelemetry was loaded."""
    program = (
        "import os, sys; from shared.telemetry import tracing; tracing.configure(os.environ, 'triggers-test');"
        "current = tracing.current();"
        "current and current.message({}, 1, {});"
        "print('opentelemetry' in sys.modules, file=sys.stderr)"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    arguments = [sys.executable, "-c", program]
    return subprocess.run(arguments, env={**clean, **environ}, capture_output=True, text=True, check=True)  # noqa: S603


def test_a_configured_process_exports_its_spans() -> None:
    span = json.loads(run({"OTEL_TRACES_EXPORTER": "console"}).stdout)
    assert span["name"] == "process message"
    assert span["resource"]["attributes"]["service.name"] == "triggers-test"


def test_an_unconfigured_process_does_not_import_opentelemetry() -> None:
    done = run({})
    assert (done.stdout, done.stderr) == ("", "False\n")
