"""The ASGI layer that creates a span for each request, installed only if `shared.telemetry.tracing` is enabled."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shared.telemetry import tracing
from shared.telemetry.tracing import Tracing

_CONTEXT = (b"traceparent", b"tracestate")
_SERVER_FAULT = 500


def traced(app: ASGIApp) -> ASGIApp:
    """Wrap `app` to create a span for each request if tracing is enabled."""
    current = tracing.current()
    return app if current is None else Traced(app, current)


class Traced:
    """Serves `app`, and puts the span in the request headers, as if the client had sent it."""

    def __init__(self, app: ASGIApp, current: Tracing) -> None:
        self._app = app
        self._tracing = current

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        method = str(scope.get("method"))
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _CONTEXT}
        span, propagated = self._tracing.request(method, headers)
        kept = [(name, value) for name, value in scope["headers"] if name not in _CONTEXT]
        scope["headers"] = [*kept, *((name.encode(), value.encode("latin-1")) for name, value in propagated.items())]
        status = _SERVER_FAULT

        async def traced_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, traced_send)
        finally:
            # The route template: a path may contain private data.
            route = str(scope.get("path_template") or "")
            span.update_name(f"{method} {route}".rstrip())
            span.set_attributes(
                {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            )
            if status >= _SERVER_FAULT:
                span.set_attribute("error.type", str(status))
            span.end()
