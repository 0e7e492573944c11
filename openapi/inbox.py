"""`GET /v1/inbox` and `GET /v1/events/{id}` as OpenAPI. By hand, since what they take and answer is handled by hand."""

from collections.abc import Mapping
from typing import Any

from openapi.describing import REQUEST_ID, SECURITY, SENT, header, query, ref, refusals, sent
from openapi.inbox_schemas import EVENT, FATE, LINK, PAGES
from shared.model.api_key import INBOX_READ
from shared.model.errors import Fault, Forbidden, InvalidRequest, NotAcceptable, NotFound, Unavailable
from shared.model.event import DEFAULT_INBOX, DEFAULT_SOURCE, INBOX_PATTERN, TEXT_CHARACTER
from worker.inbox.counts import MAX_COUNT
from worker.inbox.handlers import BATCH, INBOX_PATH, JSON
from worker.inbox.lookup import NONE_SUCH
from worker.inbox.query import DEFAULT_LIMIT, MAX_TYPES, MAX_WAIT_SECONDS
from worker.inbox.reader import MAX_LIMIT

EVENT_PATH = "/v1/events/{event_id}"

_ETAG = 'W/"5b0b8a6c4f0b9f0d1c2e3a49"'
_TYPE_PATTERN = r"^(\*|[^*]{1,255}|[^*]{1,253}\.\*)$"
_INBOX_SCHEMA = {"type": "string", "pattern": f"^{INBOX_PATTERN.pattern}$", "default": DEFAULT_INBOX}

_IF_NONE_MATCH = header("If-None-Match", "`ETag` of an earlier answer: if the new one is the same, it is a 304.", _ETAG)

_INBOX_PARAMETERS = [
    query("inbox", "Which inbox. One that was never written to is empty.", _INBOX_SCHEMA),
    query(
        "after",
        "`next` of an earlier answer from the same inbox. Without it, reading starts at the beginning.",
        {"type": "string", "format": "cursor", "minLength": 1},
    ),
    query(
        "since",
        "Start with what was stored at this time or later; if `after` stands later, with that.",
        {"type": "string", "format": "date-time"},
    ),
    query(
        "limit",
        "Most events to answer with.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    {
        **query(
            "type",
            "Only events of this type; `order.*` are all whose type begins with `order.`. May be given up to"
            f" {MAX_TYPES} times. A key that is limited to types reads only what both allow.",
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
        "`delivered`: the events that were acknowledged, also by position. For looking up, not for following: what is"
        " acknowledged later may lie before the cursor.",
        {"type": "string", "enum": ["undelivered", "delivered"], "default": "undelivered"},
    ),
    query(
        "wait",
        "If there is nothing, wait up to so many seconds for an event and answer as soon as it can be read. Without"
        " effect beside `status=delivered`.",
        {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0},
    ),
    query(
        "count",
        "Add `undelivered` to the answer, or to a bare array's headers.",
        {"type": "string", "enum": ["false", "true"], "default": "false"},
    ),
    query(
        "format",
        "`zapier`: a bare array of the newest events, newest first, each event's `id` being its position; for a polling"
        " trigger.",
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
    query("inbox", "The inbox that it was posted to.", _INBOX_SCHEMA),
    _IF_NONE_MATCH,
    REQUEST_ID,
]

_HEADERS = {
    "ETag": sent("Names this answer, for `If-None-Match`.", _ETAG),
    "Cache-Control": sent("It may be kept, but not used again unasked.", "private, no-cache"),
    "Vary": sent("Answers of over 1 KiB are compressed with zstd or gzip where asked.", "Accept, Accept-Encoding"),
    **SENT,
}
_UNDELIVERED = sent("For bare arrays, with `count=true`: as `undelivered` of an `InboxPage`.", f"{MAX_COUNT}+")
_LINK = sent(f"For `{BATCH}`: the next page.", LINK)
_NOT_MODIFIED = {"description": "The answer is the one that `If-None-Match` names.", "headers": _HEADERS}
_FORBIDDEN = (Forbidden(f"The API key lacks the scope {INBOX_READ}."), "The key lacks the scope.")
_UNAVAILABLE = (Unavailable("The table does not answer."), "The table does not answer. Repeat it after `Retry-After`.")


def _invalid(detail: str, pointer: str) -> tuple[Exception, str]:
    return InvalidRequest("The query is invalid.", [Fault(detail=detail, pointer=pointer)]), "The query is invalid."


_READ_INBOX = {
    "tags": ["inbox"],
    "operationId": "readInbox",
    "summary": "Read an inbox",
    "description": (
        "Answers with a page of events, oldest first, and a cursor. A consumer that keeps its cursor sees every event"
        f" once. An event shows up one to two seconds after it was accepted. `Accept: {BATCH}` answers with a bare"
        " array, and with the next page in `Link`. Needs the scope `inbox:read`; costs one of the key's rate."
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
                NotAcceptable(f"The inbox can be had as {JSON} and, but for format=zapier, as {BATCH}."),
                "None of the media types in `Accept` is one that an inbox can be had as.",
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
        "Finds an event by its identity, stored or delivered; of several with one identity, the one accepted last."
        " `Location` of a 202 leads here. Needs the scope `inbox:read`; costs one of the key's rate."
    ),
    "security": SECURITY,
    "parameters": _EVENT_PARAMETERS,
    "responses": {
        "200": {
            "description": "The event, and what became of it",
            "headers": _HEADERS,
            "content": {JSON: {"schema": ref("EventFate"), "example": FATE}},
        },
        "304": _NOT_MODIFIED,
        **refusals(
            _invalid("There is no parameter `sourc`; known: `source`, `inbox`.", "/sourc"),
            _FORBIDDEN,
            (
                NotFound(NONE_SUCH),
                "There is none: not posted, not stored yet, erased, expired, or of a type that the key may not read.",
            ),
            _UNAVAILABLE,
        ),
    },
}

PATHS: Mapping[str, Any] = {INBOX_PATH: {"get": _READ_INBOX}, EVENT_PATH: {"get": _READ_EVENT}}
