"""`/metrics`, and the metric of HTTP requests."""

from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.types import Scope

from shared.telemetry import prometheus
from shared.telemetry.catalog import METHODS, ROUTES, Metrics
from shared.telemetry.instruments import Histogram
from shared.web import event_path

_KNOWN_ROUTES = {**{route: route for route in ROUTES}, event_path.TEMPLATE.replace(":path", ""): "/v1/events/{id}"}
_KNOWN_METHODS = {method: method for method in METHODS}
_PREFIXES = ("/v1/leases/{lease}", "/v1/groups", "/v1/dlq")
_OTHER = "other"


class Requests:
    """Counts the requests of one app by method, route and status class, in about 0.5 µs each."""

    def __init__(self, metrics: Metrics) -> None:
        self._family = metrics.http_request_seconds
        self._known: dict[tuple[str, str, int], Histogram] = {}

    def count(self, scope: Scope, status: int, took_seconds: float) -> None:
        """Count one finished request."""
        method = _KNOWN_METHODS.get(scope["method"], _OTHER)  # type: ignore[typeddict-item] # only HTTP comes here
        template = scope.get("path_template", _OTHER)
        route = _KNOWN_ROUTES.get(template) or _beginning_of(template)
        kind = method, route, status // 100
        seen = self._known.get(kind)
        if seen is None:
            seen = self._known[kind] = self._family.of(method, route, f"{status // 100}xx")
        seen.observe(took_seconds)


def _beginning_of(template: str) -> str:
    """Return the label of a route of leases, groups or dead letters, which have one for each."""
    return next((known for known in _PREFIXES if template.startswith(known)), _OTHER)


def handler(metrics: Metrics) -> HTTPRouteHandler:
    """Return the handler of `/metrics`."""

    @get(
        "/metrics",
        operation_id="readMetrics",
        media_type=MediaType.TEXT,
        summary="Prometheus metrics of this process",
        description=(
            "In the text format of Prometheus, or of OpenMetrics if `Accept` requests it. If METRICS_PORT is set, the"
            " metrics are served on that port instead of this one; on Lambda they are not served."
        ),
        tags=["operations"],
    )
    async def read_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        content, media_type = prometheus.text(metrics, request.headers.get("accept", ""))
        return Response(content=content, headers={"content-type": media_type})

    return read_metrics
