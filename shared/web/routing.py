"""Routes that are answered ahead of Litestar's own routing, for the few requests that make up nearly all.

Litestar's router, its exception layer and its route cost a sixth of what accepting an event costs. What they do for it
is done here: the handler is found by method and path alone, and its errors become the same problems.
Everything else about a request, and every other path, stays Litestar's.
"""

from collections.abc import Mapping

from litestar.types import ASGIApp, Receive, Scope, Send

from shared.web import problems
from shared.web.context import context_of

Routes = Mapping[tuple[str, str], ASGIApp]
"""Handlers by method and path."""


class Router:
    """An ASGI app that serves `routes` itself and leaves the rest to `app`."""

    def __init__(self, app: ASGIApp, routes: Routes) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        route = self._routes.get((str(scope.get("method")), scope["path"]))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["path_template"] = scope["path"]
        try:
            await route(scope, receive, send)
        except Exception as error:
            if context_of(scope).status is not None:  # the answer has begun; the server can only cut it off
                raise
            await problems.send(error, scope, send)
