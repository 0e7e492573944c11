"""CORS: lets web pages of the origins in `CORS_ORIGINS` send and read events. Off unless that setting names any.

API keys are sent in headers, never as cookies, so no answer allows credentials. The operators' endpoints stay closed.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re

from litestar.types import ASGIApp, Receive, Scope, Send

from shared.web.context import context_of

_PATHS = ("/v1/events", "/v1/inbox", "/v1/acks")
_METHODS = b"GET, HEAD, POST, DELETE"
_EXPOSED = b"ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, Undelivered, X-Request-ID"
_MAX_AGE_SECONDS = b"600"
_is_list_of_names = re.compile(rb"[A-Za-z0-9, !#$%&'*+.^_`|~-]{0,1000}").fullmatch


def cors(app: ASGIApp, origins: str) -> ASGIApp:
    """Wrap `app` so that pages of `origins`, separated by commas, may use it; return it unchanged if there are none."""
    allowed = frozenset(origins.lower().encode().split(b",")) - {b""}
    if not allowed:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if origin is None or not scope["path"].startswith(_PATHS):
            await app(scope, receive, send)
            return
        added = context_of(scope).response_headers
        added.append((b"vary", b"Origin"))
        if not allowed.isdisjoint((b"*", origin.lower())):
            added += [
                (b"access-control-allow-origin", b"*" if b"*" in allowed else origin),
                (b"access-control-expose-headers", _EXPOSED),
            ]
            if scope.get("method") == "OPTIONS" and b"access-control-request-method" in headers:
                await _answer_preflight(headers.get(b"access-control-request-headers", b""), send)
                return
        await app(scope, receive, send)

    return answer


async def _answer_preflight(wanted: bytes, send: Send) -> None:
    headers = [(b"access-control-allow-methods", _METHODS), (b"access-control-max-age", _MAX_AGE_SECONDS)]
    if wanted and _is_list_of_names(wanted):
        # All of them: extensions of CloudEvents are headers of any name.
        headers.append((b"access-control-allow-headers", wanted))
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
