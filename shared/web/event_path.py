"""The path of one event, `/v1/events/{id}`: an id may contain any percent-encoded character, including `%2F`."""

from urllib.parse import quote, unquote_to_bytes

from litestar.types import ASGIApp, Receive, Scope, Send

from shared.model.errors import Fault, InvalidRequest

TEMPLATE = "/v1/events/{event_id:path}"
"""For Litestar, whose own value of `event_id` lacks double and trailing slashes."""

_PREFIX = "/v1/events/"


def event_id_of(scope: Scope) -> str:
    """Return the event id in the path of a request; raise `InvalidRequest` if it is not UTF-8."""
    # The raw path: after decoding, `%2F` and `/` are the same, and so are `%252F` and `%2F`.
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    try:
        return unquote_to_bytes(raw.partition(b"?")[0].partition(_PREFIX.encode())[2]).decode()
    except UnicodeDecodeError:
        fault = Fault(detail="`id` must be percent-encoded UTF-8.", pointer="/id")
        raise InvalidRequest("The path is invalid.", [fault]) from None


def path_of(event_id: str) -> str:
    """Return the path of the event `event_id`."""
    return _PREFIX + quote(event_id, safe="")


def routed(app: ASGIApp) -> ASGIApp:
    """Wrap `app`, a Litestar handler, so that ids of slashes alone are routed, too.

    Litestar strips trailing slashes from a path, and with them all of such an id.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith(f"{_PREFIX}/") and not path.removeprefix(_PREFIX).strip("/") and scope.get("raw_path"):
            scope["path"] = f"{path}."  # the id is read from the raw path
        await app(scope, receive, send)

    return route
