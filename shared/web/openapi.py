"""`/openapi.json`: one document of the whole API, the same whichever of its parts a process serves.

The document is a file beside this one. `script/generate` writes it, from what the parts say of themselves.
"""

from pathlib import Path

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from shared.settings import Settings

MEDIA_TYPE = "application/vnd.oai.openapi+json"
DOCUMENT = Path(__file__).with_name("openapi.json")


def handler(settings: Settings) -> HTTPRouteHandler:
    """Return the handler of `/openapi.json`. The document is read when it is first asked for, and kept: 70 KB."""
    made: list[bytes] = []

    @get("/openapi.json", include_in_schema=False, media_type=MEDIA_TYPE, sync_to_thread=False)
    def document() -> Response[bytes]:
        if not made:
            made.append(named(DOCUMENT.read_bytes(), settings))
        return Response(content=made[0], media_type=MEDIA_TYPE)

    return document


def named(document: bytes, settings: Settings) -> bytes:
    """Return `document` without white space, with the title and version that `settings` give the API."""
    described = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    info = msgspec.json.decode(described["info"], type=dict[str, str])
    info |= {"title": settings.api_title, "version": settings.api_version}
    described["info"] = msgspec.Raw(msgspec.json.encode(info))
    return msgspec.json.format(msgspec.json.encode(described), indent=-1)
