"""OPTIONS of paths that two parts share.

Litestar answers OPTIONS by itself, but where handlers of one path come one at a time it names the methods of the first.
"""

from collections import defaultdict
from collections.abc import Iterable

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler

_NO_CONTENT = 204


def handlers(given: Iterable[ControllerRouterHandler]) -> list[HTTPRouteHandler]:
    """Return a handler of OPTIONS for each path that several of `given` have; to be registered before them."""
    found: dict[str, list[HTTPRouteHandler]] = defaultdict(list)
    for handler in given:
        if isinstance(handler, HTTPRouteHandler):
            for path in handler.paths:
                found[path].append(handler)
    return [_options(path, sharing) for path, sharing in found.items() if len(sharing) > 1]


def _options(path: str, sharing: Iterable[HTTPRouteHandler]) -> HTTPRouteHandler:
    methods = sorted({"OPTIONS"}.union(*(handler.http_methods for handler in sharing)))

    # Path parameters are left alone: an OPTIONS says what may be asked, not whether it is there.
    @route(path, http_method=[HttpMethod.OPTIONS], status_code=_NO_CONTENT, include_in_schema=False)
    async def options() -> Response[None]:
        return Response(content=None, status_code=_NO_CONTENT, headers={"Allow": ", ".join(methods)})

    return options
