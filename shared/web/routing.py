"""Extends Litestar's routing with a fast path, HEAD, and OPTIONS of paths that several parts share.

`Router` serves the few routes that make up nearly all requests ahead of Litestar, whose router, exception layer and
route account for a sixth of the cost of accepting an event. It selects handlers by method and path alone, and converts
their errors to the same problems. Litestar serves everything else.

HEAD has the status and headers of GET and no body (RFC 9110); uptime checks and load balancers use it. The GET runs in
full, so that its headers are correct.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, ControllerRouterHandler, Message, Receive, Scope, Send

from shared.web import problems
from shared.web.context import context_of

_NO_CONTENT = 204

Routes = Mapping[tuple[str, str], ASGIApp]
"""Handlers by method and path. The last part of a path may be a parameter: `/v1/in/{token}`."""


class Router:
    """An ASGI app that serves `routes`, and passes all other requests to `app`."""

    def __init__(self, app: ASGIApp, routes: Routes) -> None:
        self._app = app
        self._routes = routes
        self._templates = {path.rpartition("/")[0]: path for _, path in routes if path.endswith("}")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method, path = str(scope.get("method")), scope["path"]
        route = self._routes.get((method, path))
        if route is None:
            parent, _, last = path.rpartition("/")
            path = self._templates.get(parent, "") if last else ""
            route = self._routes.get((method, path))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["path_template"] = path
        try:
            await route(scope, receive, send)
        except Exception as error:
            if context_of(scope).status is not None:  # the response has started; the server can only abort it
                raise
            await problems.send(error, scope, send)


def headed(app: ASGIApp) -> ASGIApp:
    """Wrap `app`, a Litestar handler, so that it answers HEAD wherever it answers GET, and lists it in `Allow`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            await _answer_head(app, scope, receive, _naming_head(send))
        else:
            await app(scope, receive, _naming_head(send))

    return answer


async def _answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    # A copy, since the server needs the original method to send no body.
    asked = {**scope, "method": "GET"}
    try:
        await app(asked, receive, send_head)  # type: ignore[arg-type] # as much a scope as the one it copies
    finally:
        scope.update({"path_template": asked["path_template"]} if "path_template" in asked else {})  # type: ignore[typeddict-item]


def _naming_head(send: Send) -> Send:
    async def send_named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [(name, _with_head(name, value)) for name, value in message["headers"]]
        await send(message)

    return send_named


def _with_head(name: bytes, value: bytes) -> bytes:
    if name.lower() != b"allow":
        return value
    methods = {method.strip() for method in value.split(b",")}
    return b", ".join(sorted(methods | {b"HEAD"} if b"GET" in methods else methods))


def options_handlers(handlers: Iterable[ControllerRouterHandler]) -> list[HTTPRouteHandler]:
    """Return an OPTIONS handler for each path that several `handlers` share; it must be registered before them."""
    found: dict[str, list[HTTPRouteHandler]] = defaultdict(list)
    for handler in handlers:
        if isinstance(handler, HTTPRouteHandler):
            for path in handler.paths:
                found[path].append(handler)
    return [_options_handler(path, sharing) for path, sharing in found.items() if len(sharing) > 1]


def _options_handler(path: str, sharing: Iterable[HTTPRouteHandler]) -> HTTPRouteHandler:
    methods = sorted({"OPTIONS"}.union(*(handler.http_methods for handler in sharing)))

    # Path parameters are ignored: OPTIONS lists the methods, whether or not the resource exists.
    @route(path, http_method=[HttpMethod.OPTIONS], status_code=_NO_CONTENT, include_in_schema=False)
    async def options() -> Response[None]:
        return Response(content=None, status_code=_NO_CONTENT, headers={"Allow": ", ".join(methods)})

    return options
