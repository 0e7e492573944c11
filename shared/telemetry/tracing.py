"""OpenTelemetry spans of requests and messages, if `requirements/otel.txt` is installed and an exporter is configured.

    pip install --require-hashes --no-deps -r requirements/otel.txt
    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 triggers serve all

The SDK's own variables configure the rest: OTEL_TRACES_EXPORTER, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME and so on. A
span continues the trace in the `traceparent` of the request or message. When disabled, tracing costs one comparison:
OpenTelemetry is not imported, and no layer is added to the app.
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
    """Creates spans with `tracer`."""

    def __init__(self, tracer: "Tracer") -> None:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._tracer = tracer
        self._trace = trace
        self._context = TraceContextTextMapPropagator()

    def request(self, method: str, headers: Mapping[str, str]) -> "tuple[Span, dict[str, str]]":
        """Start the span of a request; return it, and the `traceparent` and `tracestate` to propagate."""
        span = self._tracer.start_span(method, self._context.extract(headers), kind=self._trace.SpanKind.SERVER)
        propagated: dict[str, str] = {}
        self._context.inject(propagated, self._trace.set_span_in_context(span))
        return span, propagated

    def message(self, attributes: Mapping[str, str], duration_ms: int, fields: Mapping[str, object]) -> None:
        """Record the span of a message that was just processed. `fields` are those of its log line."""
        ended_ns = time.time_ns()
        span = self._tracer.start_span(
            "process message",
            self._context.extract(attributes),
            kind=self._trace.SpanKind.CONSUMER,
            attributes={f"triggers.{name}": str(value) for name, value in fields.items() if value is not None},
            start_time=ended_ns - duration_ms * 1_000_000,
        )
        span.end(ended_ns)


def current() -> Tracing | None:
    """Return the tracing of this process, None if it is disabled."""
    return _current


def configure(environ: Mapping[str, str], service: str) -> None:
    """Enable tracing if `environ` requests it; `service` is the service name unless OTEL_SERVICE_NAME is set."""
    global _current  # noqa: PLW0603 - tracing is the process's
    _current = None
    exporter = _exporter_of(environ)
    if exporter is None:
        return
    try:
        _current = _start(exporter, environ.get("OTEL_SERVICE_NAME") or service)
    except ImportError as error:
        logger.warning("tracing is enabled but its packages are missing", extra={"missing": error.name or exporter})


def _exporter_of(environ: Mapping[str, str]) -> str | None:
    """Return the name of the configured exporter, None if there is none."""
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
    # Sends from its own thread, and sends the remaining spans when the process exits.
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(next(iter(found)).load()()))
    return Tracing(provider.get_tracer("triggers"))
