"""`/openapi.json`, and `/docs` (Swagger UI) and `/redoc` that show it, with no other host and no key.

The document is a file beside this one: one description of the whole API, whichever of its parts a process serves.
`script/openapi` writes it. Both programs are files of the package offapi, read from where it is installed: importing it
would load 9 MB. Where the package was left out, as in a small Lambda bundle, the pages answer 404. Pages hold no script
of their own, so the Content-Security-Policy can forbid inline script and every other host.
"""

import hashlib
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from shared.settings import Settings
from shared.web.static import asset, page

MEDIA_TYPE = "application/vnd.oai.openapi+json"
DOCUMENT = Path(__file__).with_name("openapi.json")

_PACKAGE = "offapi"
_JAVASCRIPT = "text/javascript"
_ASSETS = {"swagger_bundle.js": _JAVASCRIPT, "swagger_style.css": "text/css", "redoc.js": _JAVASCRIPT}
_START = b"""\
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  validatorUrl: null, // else it sends the document to a public service
});
"""
_SWAGGER = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{assets}/swagger_style.css">
<div id="swagger-ui"></div>
<script src="{assets}/swagger_bundle.js"></script>
<script src="{assets}/start.js"></script>
"""
_REDOC = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<redoc spec-url="/openapi.json" disable-telemetry="true"></redoc>
<script type="module" src="{assets}/redoc.js"></script>
"""
_HEADERS = {
    # ReDoc makes style elements as it runs, and both show images that they carry. ReDoc would also show its maker's
    # logo, and send its maker what is read (which the page turns off, too): those hosts stay out of reach.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files are, and a tag that changes when they do."""

    folder: Path
    tag: str


def installed(package: str = _PACKAGE) -> Assets | None:
    """Return the assets of `package`, None if it, or one of its files, is not there."""
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return None
    folder = Path(str(found.locate_file(package)))
    if not all((folder / name).is_file() for name in _ASSETS):
        return None
    return Assets(folder=folder, tag=hashlib.sha256(found.version.encode() + _START).hexdigest()[:12])


def handlers(settings: Settings, assets: Assets | None) -> list[HTTPRouteHandler]:
    """Return the handlers of the document, of both pages and of what they load; no pages without assets."""
    if assets is None:
        return [_document(settings)]
    base, title = f"/docs/assets/{assets.tag}", escape(settings.api_title)
    return [
        _document(settings),
        page("/docs", _SWAGGER.format(title=title, assets=base), _HEADERS),
        page("/redoc", _REDOC.format(title=title, assets=base), _HEADERS),
        asset(f"{base}/start.js", lambda: _START, _JAVASCRIPT, _HEADERS),
        *(
            asset(f"{base}/{name}", (assets.folder / name).read_bytes, media_type, _HEADERS)
            for name, media_type in _ASSETS.items()
        ),
    ]


def _document(settings: Settings) -> HTTPRouteHandler:
    @cache
    def content() -> bytes:  # 70 KB, read when first requested
        return named(DOCUMENT.read_bytes(), settings)

    @get("/openapi.json", include_in_schema=False, media_type=MEDIA_TYPE, sync_to_thread=False)
    def document() -> Response[bytes]:
        return Response(content=content(), media_type=MEDIA_TYPE)

    return document


def named(document: bytes, settings: Settings) -> bytes:
    """Return `document` without white space, with the title and version that `settings` give the API."""
    described = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    info = msgspec.json.decode(described["info"], type=dict[str, str])
    info |= {"title": settings.api_title, "version": settings.api_version}
    described["info"] = msgspec.Raw(msgspec.json.encode(info))
    return msgspec.json.format(msgspec.json.encode(described), indent=-1)
