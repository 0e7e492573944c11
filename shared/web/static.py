"""Static pages and their assets, served without an API key, a build step or another host.

A page is revalidated on each visit. The path of an asset must change with its content: browsers cache it for a year.
"""

import asyncio
import gzip
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

_HEADERS = {"referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}
_IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}


def page(path: str, html: str, headers: Mapping[str, str]) -> HTTPRouteHandler:
    """Return the handler of a page; `headers` include at least its content-security-policy."""
    sent = {**_HEADERS, **headers, "cache-control": "no-cache"}

    @get(path, include_in_schema=False, media_type=MediaType.HTML)
    async def answer() -> Response[str]:
        return Response(html, media_type=MediaType.HTML, headers=sent)

    return answer


def asset(path: str, read: Callable[[], bytes], media_type: str, headers: Mapping[str, str]) -> HTTPRouteHandler:
    """Return the handler of an asset, which `read` returns; it is compressed once, on the first request."""
    sent = {**_HEADERS, **headers, **_IMMUTABLE}

    @cache
    def compressed() -> bytes:
        return gzip.compress(read(), mtime=0)

    @get(path, include_in_schema=False, media_type=media_type)
    async def answer(request: Request[Any, Any, Any]) -> Response[bytes]:
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(await asyncio.to_thread(read), media_type=media_type, headers=sent)
        content = await asyncio.to_thread(compressed)
        return Response(content, media_type=media_type, headers={**sent, "content-encoding": "gzip"})

    return answer
