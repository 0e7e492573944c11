"""Write `shared/web/openapi.json` from the descriptions of all parts; `--check` only compares."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag

from openapi import console, groups, groups_schemas, inbox, inbox_schemas, ingest, own_key
from shared.clock import SystemClock
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web import health, metrics
from shared.web.docs import DOCUMENT

_DESCRIPTION = """\
The whole API of a deployment, whichever of its processes serves this document. With several processes, the proxy in
front of them routes each request to the right one. Every path that supports GET also supports HEAD."""

_TAGS = {
    "events": "Posting, looking up and erasing events.",
    "inbox": "Reading an inbox, and acknowledging events.",
    "groups": "Sharing the events of an inbox among several workers, by leases.",
    "operating": (
        "For keys with the scopes `operate` and `dlq:admin`; served by `triggers serve all` and `triggers serve"
        " console`."
    ),
    "keys": "The API key of the request.",
    "operations": "Health and metrics of the process that answers. These need no key.",
}

_SECURITY: dict[str, Any] = {
    "bearer": SecurityScheme(type="http", scheme="bearer", description="`trg_<keyid>_<secret>`"),
    "header": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
}

_PARTS: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
    (ingest.paths(), ingest.schemas()),
    (inbox.PATHS, inbox_schemas.SCHEMAS),
    (groups.PATHS, groups_schemas.SCHEMAS),
    (console.PATHS, console.SCHEMAS),
    (own_key.PATHS, own_key.SCHEMAS),
)


def main(arguments: list[str]) -> int:
    """Update the file, or with `--check` report that it is out of date."""
    # In ASCII: parsers of YAML, which generators of clients use, refuse some characters of our patterns.
    wanted = json.dumps(msgspec.to_builtins(document()), indent=1).encode() + b"\n"
    if DOCUMENT.exists() and DOCUMENT.read_bytes() == wanted:
        return 0
    if "--check" in arguments:
        print(f"{DOCUMENT.name} does not match openapi/; run script/generate")
        return 1
    DOCUMENT.write_bytes(wanted)
    return 0


def document() -> dict[str, Any]:
    """Return the document of all parts, for the default settings."""
    settings, clock = Settings(), SystemClock()
    common = [*health.handlers(settings, health.Readiness({}, clock), clock), metrics.handler(Metrics())]
    config = OpenAPIConfig(
        title=settings.api_title,
        version=settings.api_version,
        description=_DESCRIPTION.replace("\n", " "),
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        components=Components(security_schemes=_SECURITY),
    )
    # Litestar describes the handlers of this app; the descriptions of the parts are written by hand.
    described = Litestar(route_handlers=common, openapi_config=config, logging_config=None).openapi_schema.to_schema()
    schemas = described["components"].setdefault("schemas", {})
    for paths, more in _PARTS:
        for path, item in paths.items():
            described["paths"].setdefault(path, {}).update(item)
        for name, definition in more.items():
            schemas.setdefault(name, definition)
    return described


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
