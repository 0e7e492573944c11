"""The live page at `/`: files of this package, served with no other host, no key and no build.

The page asks for an API key, keeps it for as long as its tab lives, and reads what the API serves to anybody with that
key. Payloads are anybody's: the policy allows no script, style or connection but our own, and no text that becomes
markup (`require-trusted-types-for`).
"""

import gzip
import hashlib
from html import escape
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

FOLDER = Path(__file__).parent / "static"
"""Where the files are."""

_PAGE = "index.html"
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_PAGE_HEADERS = {**_HEADERS, "cache-control": "no-cache"}
# An asset's path changes with its content.
_ASSET_HEADERS = {**_HEADERS, "cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}


def handlers(title: str) -> list[HTTPRouteHandler]:
    """Return the handlers of the page and of what it loads."""
    files = {file.name: file.read_bytes() for file in sorted(FOLDER.iterdir()) if file.suffix in _MEDIA_TYPES}
    tag = hashlib.sha256(b"".join(files.values())).hexdigest()[:12]
    base = f"/live/{tag}"
    page = (FOLDER / _PAGE).read_text().replace("{title}", escape(title)).replace("{assets}", base)
    return [_page(page), *(_asset(f"{base}/{name}", content) for name, content in files.items())]


def _page(html: str) -> HTTPRouteHandler:
    @get("/", include_in_schema=False, media_type=MediaType.HTML)
    async def page() -> Response[str]:
        return Response(html, media_type=MediaType.HTML, headers=_PAGE_HEADERS)

    return page


def _asset(path: str, content: bytes) -> HTTPRouteHandler:
    media_type = _MEDIA_TYPES[Path(path).suffix]
    small = gzip.compress(content, mtime=0)

    @get(path, include_in_schema=False, media_type=media_type)
    async def asset(request: Request[Any, Any, Any]) -> Response[bytes]:
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(content, media_type=media_type, headers=_ASSET_HEADERS)
        return Response(small, media_type=media_type, headers={**_ASSET_HEADERS, "content-encoding": "gzip"})

    return asset
