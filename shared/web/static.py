"""`/docs` (Swagger UI) and `/redoc` for the served `/openapi.json`, with no other host and no key.

Both programs are files of the package offapi, read from where it is installed: importing it would load 9 MB. Where
the package was left out, as in a small Lambda bundle, the pages answer 404. Pages hold no script of their own, so
the Content-Security-Policy can forbid inline script and every other host.
"""

import asyncio
import gzip
import hashlib
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

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
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_PAGE_HEADERS = {**_HEADERS, "cache-control": "no-cache"}
# An asset's path changes with its content.
_ASSET_HEADERS = {**_HEADERS, "cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}


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


def handlers(title: str, assets: Assets | None) -> list[HTTPRouteHandler]:
    """Return the handlers of both pages and of what they load; none without assets."""
    if assets is None:
        return []
    base = f"/docs/assets/{assets.tag}"
    return [
        _page("/docs", _SWAGGER.format(title=escape(title), assets=base)),
        _page("/redoc", _REDOC.format(title=escape(title), assets=base)),
        _start(f"{base}/start.js"),
        *(_asset(f"{base}/{name}", assets.folder / name, media_type) for name, media_type in _ASSETS.items()),
    ]


def _page(path: str, html: str) -> HTTPRouteHandler:
    @get(path, include_in_schema=False, media_type=MediaType.HTML)
    async def page() -> Response[str]:
        return Response(html, media_type=MediaType.HTML, headers=_PAGE_HEADERS)

    return page


def _start(path: str) -> HTTPRouteHandler:
    @get(path, include_in_schema=False, media_type=_JAVASCRIPT)
    async def start() -> Response[bytes]:
        return Response(_START, media_type=_JAVASCRIPT, headers=_ASSET_HEADERS)

    return start


def _asset(path: str, file: Path, media_type: str) -> HTTPRouteHandler:
    @get(path, include_in_schema=False, media_type=media_type)
    async def asset(request: Request[Any, Any, Any]) -> Response[bytes]:
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(await asyncio.to_thread(file.read_bytes), media_type=media_type, headers=_ASSET_HEADERS)
        headers = {**_ASSET_HEADERS, "content-encoding": "gzip"}
        return Response(await asyncio.to_thread(_gzipped, file), media_type=media_type, headers=headers)

    return asset


@cache
def _gzipped(file: Path) -> bytes:
    """Return the file compressed; kept, all three together take 1.2 MB, once somebody has looked at the pages."""
    return gzip.compress(file.read_bytes(), mtime=0)
