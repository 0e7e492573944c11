"""HEAD: the status and headers that a GET would have, and no body. RFC 9110 expects it of every server.

Uptime checks and load balancers ask so. The GET is done in full, so that its headers are true.
"""

from litestar.types import ASGIApp, Message, Receive, Scope, Send


def headed(app: ASGIApp) -> ASGIApp:
    """Return `app`, a Litestar's, such that it answers HEAD wherever it answers GET, and says so in `Allow`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_head = scope.get("method") == "HEAD"

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(name, _allowed(name, value)) for name, value in message["headers"]]
            elif message["type"] == "http.response.body" and is_head:
                message["body"] = b""
            await send(message)

        if not is_head:
            await app(scope, receive, send_head)
            return
        # A copy: by its own scope the server sees that no body is to come.
        asked = {**scope, "method": "GET"}
        try:
            await app(asked, receive, send_head)  # type: ignore[arg-type] # as much a scope as the one it copies
        finally:
            scope.update({"path_template": asked["path_template"]} if "path_template" in asked else {})  # type: ignore[typeddict-item]

    return answer


def _allowed(name: bytes, value: bytes) -> bytes:
    if name.lower() != b"allow":
        return value
    methods = {method.strip() for method in value.split(b",")}
    return b", ".join(sorted(methods | {b"HEAD"} if b"GET" in methods else methods))
