"""OpenTelemetry spans of requests and messages, for whoever installs the extra `otel` and names an exporter.

    pip install 'triggers[otel]'
    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 triggers serve all

The SDK's own variables tell the rest: OTEL_TRACES_EXPORTER, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME and so on. A span
continues the trace that the request's, or the message's, `traceparent` names. Off, it costs a comparison: nothing of
OpenTelemetry is loaded, and no layer is added to the app.
"""

import logging
import time
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # an extra, loaded only where it is used
    from opentelemetry.trace import Span, Tracer

logger = logging.getLogger("triggers.tracing")

_EXPORTERS = "opentelemetry_traces_exporter"
_OTLP = "otlp_proto_http"

_current: "Tracing | None" = None


class Tracing:
    """Makes spans by `tracer`."""

    def __init__(self, tracer: "Tracer") -> None:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._tracer = tracer
        self._trace = trace
        self._context = TraceContextTextMapPropagator()

    def request(self, method: str, given: Mapping[str, str]) -> "tuple[Span, dict[str, str]]":
        """Start a request's span; return it, and `traceparent` and `tracestate` for whatever comes of the request."""
        span = self._tracer.start_span(method, self._context.extract(given), kind=self._trace.SpanKind.SERVER)
        handed_on: dict[str, str] = {}
        self._context.inject(handed_on, self._trace.set_span_in_context(span))
        return span, handed_on

    def message(self, given: Mapping[str, str], duration_ms: int, fields: Mapping[str, object]) -> None:
        """Record a message that was worked on until now. `fields` are its line in the log."""
        ended_ns = time.time_ns()
        span = self._tracer.start_span(
            "process message",
            self._context.extract(given),
            kind=self._trace.SpanKind.CONSUMER,
            attributes={f"triggers.{name}": str(value) for name, value in fields.items() if value is not None},
            start_time=ended_ns - duration_ms * 1_000_000,
        )
        span.end(ended_ns)


def current() -> Tracing | None:
    """Return what traces this process, None if nothing does."""
    return _current


def configure(environ: Mapping[str, str], service: str) -> None:
    """Trace this process if `environ` asks for it; `service` is its name unless OTEL_SERVICE_NAME is another."""
    global _current  # noqa: PLW0603 - tracing is the process's
    _current = None
    exporter = _exporter_of(environ)
    if exporter is None:
        return
    try:
        _current = _start(exporter, environ.get("OTEL_SERVICE_NAME") or service)
    except ImportError as error:
        logger.warning("tracing is asked for and its packages are missing", extra={"missing": error.name or exporter})


def _exporter_of(environ: Mapping[str, str]) -> str | None:
    """Return the name of the exporter that is asked for, None if none is."""
    named = environ.get("OTEL_TRACES_EXPORTER", "")
    wanted = named or any(environ.get(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT") for kind in ("", "TRACES_"))
    if not wanted or named == "none" or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    return _OTLP if named in ("", "otlp") else named


def _start(exporter: str, service: str) -> Tracing:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    found = entry_points(group=_EXPORTERS, name=exporter)
    if not found:
        raise ImportError(name=f"exporter {exporter}")
    # Sends in a thread of its own, and what is left when the process exits.
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(next(iter(found)).load()()))
    return Tracing(provider.get_tracer("triggers"))
