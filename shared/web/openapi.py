"""The OpenAPI document: what Litestar knows of its handlers, and what the parts tell of their raw ASGI ones."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from litestar import Litestar, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler

from shared.settings import Settings

MEDIA_TYPE = "application/vnd.oai.openapi+json"


class Described(Protocol):
    """A part's own share of the document."""

    @property
    def paths(self) -> Mapping[str, Any]:
        """Path items by path."""
        ...

    @property
    def schemas(self) -> Mapping[str, Any]:
        """Component schemas by name."""
        ...


def handler(
    settings: Settings, handlers: Sequence[ControllerRouterHandler], parts: Sequence[Described]
) -> HTTPRouteHandler:
    """Return the handler of `/openapi.json`. The document is made when it is first asked for."""
    made: list[bytes] = []

    @get("/openapi.json", include_in_schema=False, media_type=MEDIA_TYPE)
    async def document() -> Response[bytes]:
        if not made:
            made.append(msgspec.json.encode(describe(settings, handlers, parts)))
        return Response(content=made[0], media_type=MEDIA_TYPE)

    return document


def describe(
    settings: Settings, handlers: Sequence[ControllerRouterHandler], parts: Sequence[Described]
) -> dict[str, Any]:
    """Return the document of all handlers and parts."""
    config = OpenAPIConfig(
        title=settings.api_title,
        version=settings.api_version,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", description="`trg_<keyid>_<secret>`"),
                "header": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
            }
        ),
    )
    # An app that only describes: the one that serves must not get Litestar's documentation routes, which answer
    # a path they don't know with HTML.
    schema = Litestar(route_handlers=handlers, openapi_config=config, logging_config=None).openapi_schema.to_schema()
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for part in parts:
        for path, item in part.paths.items():
            schema["paths"].setdefault(path, {}).update(item)
        for name, definition in part.schemas.items():
            schemas.setdefault(name, definition)
    return schema
