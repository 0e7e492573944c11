"""The path of one event, `/v1/events/{id}`: an id may contain any percent-encoded character, including `%2F`.

HTTP clients and proxies drop dot segments (`.` and `..`), also if they are percent-encoded. So an event can be named as
`/v1/events?id=` as well, and `location_of` does so where its id could be taken for a path.
"""

import re
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from litestar.types import ASGIApp, Receive, Scope, Send

from shared.model.errors import Fault, InvalidRequest

COLLECTION = "/v1/events"
TEMPLATE = "/v1/events/{event_id:path}"
"""For Litestar, whose own value of `event_id` lacks double and trailing slashes."""

_PREFIX = f"{COLLECTION}/"
_IN_QUERY = b"id="

# Some clients treat a backslash like a slash, and some proxies decode both.
_has_dot_segment = re.compile(r"(?:\A|[/\\])\.\.?(?:[/\\]|\Z)").search


def event_id_of(scope: Scope) -> str:
    """Return the event id in the path of a request; raise `InvalidRequest` if it is missing or not UTF-8."""
    # The raw path: after decoding, `%2F` and `/` are the same, and so are `%252F` and `%2F`.
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    try:
        event_id = unquote_to_bytes(raw.partition(b"?")[0].partition(_PREFIX.encode())[2]).decode()
    except UnicodeDecodeError:
        raise _invalid("`id` must be percent-encoded UTF-8.") from None
    if not event_id:
        raise _invalid("`id` is missing.")
    return event_id


def location_of(event_id: str) -> str:
    """Return the path of the event `event_id`, with `?` and a query if it needs one."""
    quoted = quote(event_id, safe="")
    return f"{COLLECTION}?id={quoted}" if _has_dot_segment(event_id) else _PREFIX + quoted


def routed(app: ASGIApp) -> ASGIApp:
    """Wrap `app`, a Litestar handler, so that ids in the query, and ids of slashes alone, reach the handlers of ids.

    Litestar strips trailing slashes from a path, and with them all of such an id.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path in (COLLECTION, _PREFIX) and scope.get("method") in ("GET", "DELETE"):
            _take_id_from_query(scope)
        elif path.startswith(f"{_PREFIX}/") and not path.removeprefix(_PREFIX).strip("/") and scope.get("raw_path"):
            scope["path"] = f"{path}."  # the id is read from the raw path
        await app(scope, receive, send)

    return route


def _take_id_from_query(scope: Scope) -> None:
    parameters = scope["query_string"].split(b"&")
    given = next((each for each in parameters if each.startswith(_IN_QUERY)), None)
    event_id = b"" if given is None else unquote_to_bytes(given.removeprefix(_IN_QUERY).replace(b"+", b" "))
    scope["path"] = f"{_PREFIX}."  # the id is read from the raw path
    scope["raw_path"] = (_PREFIX + quote_from_bytes(event_id, safe="")).encode()
    scope["query_string"] = b"&".join(each for each in parameters if each is not given)


def _invalid(detail: str) -> InvalidRequest:
    return InvalidRequest("The path is invalid.", [Fault(detail=detail, pointer="/id")])
