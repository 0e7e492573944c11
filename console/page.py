"""The live page at `/`: static files of this package, served without a key, a build step or another host.

The page asks for an API key, stores it until its tab is closed, and reads only what the API serves for that key.
Payloads are untrusted: the content security policy allows only scripts, styles and connections of this origin, and
forbids turning text into markup (`require-trusted-types-for`).
"""

import hashlib
from html import escape
from pathlib import Path

from litestar.handlers import HTTPRouteHandler

from shared.web.static import asset, page

FOLDER = Path(__file__).parent / "static"
"""The directory of the files."""

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
}


def handlers(title: str) -> list[HTTPRouteHandler]:
    """Return the handlers of the page and of the files that it loads."""
    files = [file for file in sorted(FOLDER.iterdir()) if file.suffix in _MEDIA_TYPES]
    base = f"/live/{hashlib.sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:12]}"
    html = (FOLDER / _PAGE).read_text(encoding="utf-8").replace("{title}", escape(title)).replace("{assets}", base)
    assets = (asset(f"{base}/{file.name}", file.read_bytes, _MEDIA_TYPES[file.suffix], _HEADERS) for file in files)
    return [page("/", html, _HEADERS), *assets]
