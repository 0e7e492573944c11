"""HEAD: the status and headers that a GET would have, and no body. RFC 9110 expects it of every server.

Uptime checks and load balancers ask so. The GET is done in full, so that its headers are true.
"""

from litestar.types import ASGIApp, Message, Receive, Scope, Send


def headed(app: ASGIApp) -> ASGIApp:
    """Return `app`, a Litestar's, such that it answers HEAD wherever it answers GET, and says so in `Allow`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            await _answer_head(app, scope, receive, _naming_head(send))
        else:
            await app(scope, receive, _naming_head(send))

    return answer


async def _answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    # A copy: by its own scope the server sees that no body is to come.
    asked = {**scope, "method": "GET"}
    try:
        await app(asked, receive, send_head)  # type: ignore[arg-type] # as much a scope as the one it copies
    finally:
        scope.update({"path_template": asked["path_template"]} if "path_template" in asked else {})  # type: ignore[typeddict-item]


def _naming_head(send: Send) -> Send:
    async def send_named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [(name, _with_head(name, value)) for name, value in message["headers"]]
        await send(message)

    return send_named


def _with_head(name: bytes, value: bytes) -> bytes:
    if name.lower() != b"allow":
        return value
    methods = {method.strip() for method in value.split(b",")}
    return b", ".join(sorted(methods | {b"HEAD"} if b"GET" in methods else methods))
