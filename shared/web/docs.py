"""Serves `/openapi.json` and shows it at `/docs` (Swagger UI) and `/redoc`, without an API key or another host.

The document is the file `openapi.json` in this directory: one description of the whole API, whichever parts a process
serves. `python -m openapi` generates it. Both user interfaces are files of the package offapi, read from its directory:
importing it would load 9 MB. Without the package, as in a small Lambda bundle, the pages answer 404. The pages contain
no inline script, so the Content-Security-Policy can forbid it, and all other hosts.
"""

import hashlib
import re
from functools import cache, partial
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
_LOGO = re.compile(rb"https://cdn\.redoc\.ly/redoc/logo-mini(-full)?\.svg")
# Swagger UI has a dark mode, but no setting that follows the browser's; ReDoc does so without being asked.
_START = b"""\
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  validatorUrl: null, // the default sends the document to a public service
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
    # ReDoc creates style elements at run time, and both display embedded images. ReDoc would also send telemetry,
    # which the page disables, too: this policy blocks other hosts.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    """The directory of the files, and a tag that changes with their content."""

    folder: Path
    tag: str


def installed(package: str = _PACKAGE) -> Assets | None:
    """Return the assets of `package`, None if it is not installed or lacks one of the files."""
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return None
    folder = Path(str(found.locate_file(package)))
    if not all((folder / name).is_file() for name in _ASSETS):
        return None
    return Assets(folder=folder, tag=hashlib.sha256(found.version.encode() + _START).hexdigest()[:12])


def handlers(settings: Settings, assets: Assets | None) -> list[HTTPRouteHandler]:
    """Return the handlers of the document and, if there are assets, of both pages and their files."""
    if assets is None:
        return [_document(settings)]
    base, title = f"/docs/assets/{assets.tag}", escape(settings.api_title)
    return [
        _document(settings),
        page("/docs", _SWAGGER.format(title=title, assets=base), _HEADERS),
        page("/redoc", _REDOC.format(title=title, assets=base), _HEADERS),
        asset(f"{base}/start.js", lambda: _START, _JAVASCRIPT, _HEADERS),
        *(
            asset(f"{base}/{name}", partial(_content, assets.folder / name), media_type, _HEADERS)
            for name, media_type in _ASSETS.items()
        ),
    ]


def _content(path: Path) -> bytes:
    """Return a file without the URLs of its vendor's logo, which the policy would block with a complaint."""
    return _LOGO.sub(b"data:,", path.read_bytes())


def _document(settings: Settings) -> HTTPRouteHandler:
    @cache
    def content() -> bytes:  # 70 KB, read when first requested
        return named(DOCUMENT.read_bytes(), settings)

    @get("/openapi.json", include_in_schema=False, media_type=MEDIA_TYPE, sync_to_thread=False)
    def document() -> Response[bytes]:
        return Response(content=content(), media_type=MEDIA_TYPE)

    return document


def named(document: bytes, settings: Settings) -> bytes:
    """Return `document` minified, with the API title and version from `settings`."""
    described = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    info = msgspec.json.decode(described["info"], type=dict[str, str])
    info |= {"title": settings.api_title, "version": settings.api_version}
    described["info"] = msgspec.Raw(msgspec.json.encode(info))
    return msgspec.json.format(msgspec.json.encode(described), indent=-1)
