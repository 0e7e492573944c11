"""The path of one event, `/v1/events/{id}`: an id may hold any character, percent-encoded, also `%2F`."""

from urllib.parse import quote, unquote_to_bytes

from litestar.types import ASGIApp, Receive, Scope, Send

from shared.model.errors import Fault, InvalidRequest

TEMPLATE = "/v1/events/{event_id:path}"
"""For Litestar; its own value of `event_id` has lost double slashes and those at the end."""

_PREFIX = "/v1/events/"


def event_id_of(scope: Scope) -> str:
    """Return the id that the path of a request names; raise `InvalidRequest` if it is not UTF-8."""
    # The path as it came. What the server decoded no longer tells `%2F` from `/`, nor `%252F` from `%2F`.
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    try:
        return unquote_to_bytes(raw.partition(b"?")[0].partition(_PREFIX.encode())[2]).decode()
    except UnicodeDecodeError:
        fault = Fault(detail="`id` is percent-encoded UTF-8.", pointer="/id")
        raise InvalidRequest("The path is invalid.", [fault]) from None


def path_of(event_id: str) -> str:
    """Return the path of the event `event_id`."""
    return _PREFIX + quote(event_id, safe="")


def routed(app: ASGIApp) -> ASGIApp:
    """Return `app`, a Litestar's, so that an id of nothing but slashes finds its way there too.

    Litestar drops slashes at the end of a path, and with them all of such an id.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith(f"{_PREFIX}/") and not path.removeprefix(_PREFIX).strip("/") and scope.get("raw_path"):
            scope["path"] = f"{path}."  # the id is read from the raw path
        await app(scope, receive, send)

    return route
