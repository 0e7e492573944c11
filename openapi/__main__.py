"""Write `shared/web/openapi.json` from what all parts say of themselves; `--check` only compares."""

import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag

from openapi import console, inbox, inbox_schemas, ingest
from shared.clock import SystemClock
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web import health, metrics
from shared.web.openapi import DOCUMENT

_DESCRIPTION = """\
All that a deployment answers, whichever of its processes serves this document. Where there are several, what stands in
front of them leads each request to the one that answers it. Wherever GET is answered, HEAD is, too."""

_TAGS = {
    "events": "Posting, looking up and erasing events.",
    "inbox": "Reading an inbox, and acknowledging what was read.",
    "operating": "For keys with the scope `operate`, where the console is: `triggers serve all` and `serve console`.",
    "operations": "For whoever runs a process. These need no key, and ask the process itself.",
}

_SECURITY: dict[str, Any] = {
    "bearer": SecurityScheme(type="http", scheme="bearer", description="`trg_<keyid>_<secret>`"),
    "header": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
}

_PARTS: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
    (ingest.paths(), ingest.schemas()),
    (inbox.PATHS, inbox_schemas.SCHEMAS),
    (console.PATHS, console.SCHEMAS),
)


def main(arguments: list[str]) -> int:
    """Update the file, or with `--check` report that it is out of date."""
    wanted = msgspec.json.format(msgspec.json.encode(document()), indent=1) + b"\n"
    if DOCUMENT.exists() and DOCUMENT.read_bytes() == wanted:
        return 0
    if "--check" in arguments:
        print(f"{DOCUMENT.name} does not match openapi/; run script/generate")
        return 1
    DOCUMENT.write_bytes(wanted)
    return 0


def document() -> dict[str, Any]:
    """Return the document of all parts, by the default settings."""
    settings, clock = Settings(), SystemClock()
    common = [*health.handlers(settings, health.Readiness({}, clock), clock), metrics.handler(Metrics())]
    config = OpenAPIConfig(
        title=settings.api_title,
        version=settings.api_version,
        description=_DESCRIPTION.replace("\n", " "),
        tags=[Tag(name=name, description=said) for name, said in _TAGS.items()],
        components=Components(security_schemes=_SECURITY),
    )
    # An app that only describes, by what Litestar knows of its handlers. What the parts tell is written by hand.
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
