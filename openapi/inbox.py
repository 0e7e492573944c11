"""OpenAPI of the inbox. Written by hand, since its queries and responses are handled by hand."""

from collections.abc import Mapping
from typing import Any

from openapi.describing import REQUEST_ID, SECURITY, SENT, by_query, header, query, ref, refusals, sent
from openapi.inbox_schemas import EVENT, EVENT_STATUS, INBOX_LIST, LINK, PAGES
from shared.model.api_key import INBOX_READ
from shared.model.errors import Fault, Forbidden, InvalidRequest, NotAcceptable, NotFound, Unavailable
from shared.model.event import DEFAULT_INBOX, DEFAULT_SOURCE, INBOX_PATTERN, TEXT_CHARACTER
from shared.web.event_path import COLLECTION
from worker.inbox import listing
from worker.inbox.handlers import BATCH, INBOX_PATH, JSON
from worker.inbox.lookup import NONE_SUCH
from worker.inbox.query import MAX_TYPES
from worker.reading.counts import MAX_COUNT
from worker.reading.limits import DEFAULT_LIMIT, MAX_LIMIT, MAX_WAIT_SECONDS

EVENT_PATH = "/v1/events/{event_id}"

_ETAG = 'W/"5b0b8a6c4f0b9f0d1c2e3a49"'
_TYPE_PATTERN = r"^(\*|[^*]{1,255}|[^*]{1,253}\.\*)$"
_INBOX_SCHEMA = {"type": "string", "pattern": f"^{INBOX_PATTERN.pattern}$", "default": DEFAULT_INBOX}

_IF_NONE_MATCH = header(
    "If-None-Match", "The `ETag` of an earlier response. If nothing has changed, the response is a 304.", _ETAG
)

_INBOX_PARAMETERS = [
    query("inbox", "The inbox to read. An unknown inbox is empty.", _INBOX_SCHEMA),
    query(
        "after",
        "`next` of an earlier response for the same inbox. Without it, reading starts at the beginning.",
        {"type": "string", "format": "cursor", "minLength": 1},
    ),
    query(
        "since",
        "Return only events stored at this time or later. With `after`, whichever is later applies.",
        {"type": "string", "format": "date-time"},
    ),
    query(
        "limit",
        "Maximum number of events to return.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    {
        **query(
            "type",
            "Only events of this type. `order.*` matches all types that begin with `order.`. May be given up to"
            f" {MAX_TYPES} times. A key limited to types reads only events that both allow.",
            {
                "type": "array",
                "maxItems": MAX_TYPES,
                "items": {"type": "string", "maxLength": 255, "pattern": _TYPE_PATTERN},
            },
        ),
        "style": "form",
        "explode": True,
    },
    query(
        "status",
        "`delivered`: acknowledged events, also ordered by position. For look-ups, not for following: events"
        " acknowledged later may lie before the cursor.",
        {"type": "string", "enum": ["undelivered", "delivered"], "default": "undelivered"},
    ),
    query(
        "wait",
        "If there are no events, wait up to this many seconds, and respond as soon as one can be read. Has no effect"
        " with `status=delivered`.",
        {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0},
    ),
    query(
        "early",
        "`true`: include events as soon as they are stored, instead of once they have settled. `next` then contains up"
        " to 64 of them, and no event is returned again. A later page may contain an event that was stored slightly"
        " earlier. Has no effect with `status=delivered` or `format=zapier`.",
        {"type": "string", "enum": ["false", "true"], "default": "false"},
    ),
    query(
        "count",
        "Add the number of `undelivered` events to the response; for a bare array, to its headers.",
        {"type": "string", "enum": ["false", "true"], "default": "false"},
    ),
    query(
        "format",
        "`zapier`: a bare array of the newest events, newest first, with the position as each event's `id`; for"
        " polling triggers.",
        {"type": "string", "enum": ["json", "zapier"], "default": "json"},
    ),
    _IF_NONE_MATCH,
    REQUEST_ID,
]

_EVENT_PARAMETERS = [
    {
        "name": "event_id",
        "in": "path",
        "required": True,
        "description": "The event's id, percent-encoded.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{TEXT_CHARACTER}+$"},
        "example": EVENT["id"],
    },
    query("source", "The event's source.", {"type": "string", "default": DEFAULT_SOURCE}, "/shop"),
    query("inbox", "The inbox of the event.", _INBOX_SCHEMA),
    _IF_NONE_MATCH,
    REQUEST_ID,
]

_HEADERS = {
    "ETag": sent("Identifies this response, for `If-None-Match`.", _ETAG),
    "Cache-Control": sent("The response may be cached, but must be revalidated.", "private, no-cache"),
    "Vary": sent(
        "Responses over 1 KiB are compressed with zstd or gzip if `Accept-Encoding` allows it.",
        "Accept, Accept-Encoding",
    ),
    **SENT,
}
_UNDELIVERED = sent("For bare arrays with `count=true`: the `undelivered` of an `InboxPage`.", f"{MAX_COUNT}+")
_LINK = sent(f"For `{BATCH}`: the next page.", LINK)
_NOT_MODIFIED = {
    "description": "Nothing has changed since the response that `If-None-Match` names.",
    "headers": _HEADERS,
}
_FORBIDDEN = (Forbidden(f"The API key lacks the scope {INBOX_READ}."), "The key lacks the scope.")
_UNAVAILABLE = (
    Unavailable("The table does not respond."),
    "The table does not respond. Retry after the seconds in `Retry-After`.",
)


def _invalid(detail: str, pointer: str) -> tuple[Exception, str]:
    return InvalidRequest("The query is invalid.", [Fault(detail=detail, pointer=pointer)]), "The query is invalid."


_READ_INBOX = {
    "tags": ["inbox"],
    "operationId": "readInbox",
    "summary": "Read an inbox",
    "description": (
        "Returns a page of events, oldest first, and a cursor. A consumer that keeps its cursor sees every event once."
        f" An event appears one to two seconds after it was accepted. `Accept: {BATCH}` returns a bare array, with"
        " the next page in `Link`. Requires the scope `inbox:read`; costs 1 of the key's rate, 10 with `count=true`,"
        " and 1 more for each 64 KiB of the page."
    ),
    "security": SECURITY,
    "parameters": _INBOX_PARAMETERS,
    "responses": {
        "200": {
            "description": "A page of events",
            "headers": {**_HEADERS, "Link": _LINK, "Undelivered": _UNDELIVERED},
            "content": {
                JSON: {"schema": {"oneOf": [ref("InboxPage"), ref("ZapierEvents")]}, "examples": PAGES},
                BATCH: {"schema": ref("InboxBatch"), "example": [EVENT]},
            },
        },
        "304": _NOT_MODIFIED,
        **refusals(
            _invalid(f"`limit` must be a whole number from 1 to {MAX_LIMIT}.", "/limit"),
            _FORBIDDEN,
            (
                NotAcceptable(f"The inbox is available as {JSON} and, except with format=zapier, as {BATCH}."),
                "The inbox is not available in any media type in `Accept`.",
            ),
            _UNAVAILABLE,
        ),
    },
}

_READ_EVENT = {
    "tags": ["events"],
    "operationId": "readEvent",
    "summary": "Look up one event",
    "description": (
        "Finds a stored or delivered event by its identity; if several share it, the one accepted last. The"
        " `Location` of a 202 points here. Requires the scope `inbox:read`; costs 1 of the key's rate."
    ),
    "security": SECURITY,
    "parameters": _EVENT_PARAMETERS,
    "responses": {
        "200": {
            "description": "The event and its status",
            "headers": _HEADERS,
            "content": {JSON: {"schema": ref("EventStatus"), "example": EVENT_STATUS}},
        },
        "304": _NOT_MODIFIED,
        **refusals(
            _invalid("Unknown parameter `sourc`. Known parameters: `source`, `inbox`.", "/sourc"),
            _FORBIDDEN,
            (
                NotFound(NONE_SUCH),
                "The event was not posted, is not stored yet, is erased or expired, or the key may not read its type.",
            ),
            _UNAVAILABLE,
        ),
    },
}

_READ_INBOXES = {
    "tags": ["inbox"],
    "operationId": "listInboxes",
    "summary": "List inboxes",
    "description": (
        "The inboxes of the key's tenant in which events were stored, ordered by name. An inbox is listed until its"
        " last event has expired, or some days longer. Requires the scope `inbox:read`; costs 1 of the key's rate."
    ),
    "security": SECURITY,
    "parameters": [
        query(
            "after",
            "The last name of an earlier response, to continue after it.",
            {"type": "string", "pattern": f"^{INBOX_PATTERN.pattern}$"},
        ),
        query(
            "limit",
            "Maximum number of inboxes to return.",
            {"type": "integer", "minimum": 1, "maximum": listing.MAX_INBOXES, "default": listing.DEFAULT_LIMIT},
        ),
        _IF_NONE_MATCH,
        REQUEST_ID,
    ],
    "responses": {
        "200": {
            "description": "Inboxes, ordered by name",
            "headers": _HEADERS,
            "content": {JSON: {"schema": ref("InboxList"), "example": INBOX_LIST}},
        },
        "304": _NOT_MODIFIED,
        **refusals(
            _invalid(f"`limit` must be a whole number from 1 to {listing.MAX_INBOXES}.", "/limit"),
            _FORBIDDEN,
            _UNAVAILABLE,
        ),
    },
}

_READ_EVENT_BY_QUERY = by_query(_READ_EVENT, "readEventByQuery")

PATHS: Mapping[str, Any] = {
    INBOX_PATH: {"get": _READ_INBOX},
    listing.INBOXES_PATH: {"get": _READ_INBOXES},
    EVENT_PATH: {"get": _READ_EVENT},
    COLLECTION: {"get": _READ_EVENT_BY_QUERY},
}
