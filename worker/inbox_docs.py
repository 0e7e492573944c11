"""`GET /v1/inbox` and `GET /v1/events/{id}` as OpenAPI. By hand, since what they take and answer is handled by hand."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from shared.event import DEFAULT_INBOX, DEFAULT_SOURCE, INBOX_PATTERN, TEXT_CHARACTER
from shared.web.problems import MEDIA_TYPE
from worker.inbox import MAX_LIMIT
from worker.inbox_handlers import BATCH, INBOX_PATH, JSON
from worker.inbox_query import DEFAULT_LIMIT, MAX_TYPES, MAX_WAIT_SECONDS
from worker.inbox_schemas import EVENT, FATE, LINK, PAGES
from worker.lookup import NONE_SUCH

EVENT_PATH = "/v1/events/{event_id}"

_INSTANCE = "urn:triggers:request:0199c0de-2a00-7000-8000-0123456789ab"
_ETAG = 'W/"5b0b8a6c4f0b9f0d1c2e3a49"'
_TYPE_PATTERN = r"^(\*|[^*]{1,255}|[^*]{1,253}\.\*)$"
_INBOX_SCHEMA = {"type": "string", "pattern": f"^{INBOX_PATTERN.pattern}$", "default": DEFAULT_INBOX}


def _query(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _header(name: str, description: str, example: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }


_IF_NONE_MATCH = _header(
    "If-None-Match", "`ETag` of an earlier answer: if the new one is the same, it is a 304.", _ETAG
)
_REQUEST_ID = _header("X-Request-ID", "Comes back in the answer, and is in the log.", "req-1")

_INBOX_PARAMETERS = [
    _query("inbox", "Which inbox. One that was never written to is empty.", _INBOX_SCHEMA),
    _query(
        "after",
        "`next` of an earlier answer from the same inbox. Without it, reading starts at the beginning.",
        {"type": "string", "format": "cursor", "minLength": 1},
    ),
    _query(
        "since",
        "Start with what was stored at this time or later; if `after` stands later, with that.",
        {"type": "string", "format": "date-time"},
    ),
    _query(
        "limit",
        "Most events to answer with.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    {
        **_query(
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
    _query(
        "status",
        "`delivered`: the events that were acknowledged, also by position. For looking up, not for following: what is"
        " acknowledged later may lie before the cursor.",
        {"type": "string", "enum": ["undelivered", "delivered"], "default": "undelivered"},
    ),
    _query(
        "wait",
        "If there is nothing, wait up to so many seconds for an event and answer as soon as it can be read. Without"
        " effect beside `status=delivered`.",
        {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0},
    ),
    _query(
        "count",
        "Add `undelivered` to the answer, or to a bare array's headers.",
        {"type": "string", "enum": ["false", "true"], "default": "false"},
    ),
    _query(
        "format",
        "`zapier`: a bare array of the newest events, newest first, each event's `id` being its position; for a polling"
        " trigger.",
        {"type": "string", "enum": ["json", "zapier"], "default": "json"},
    ),
    _IF_NONE_MATCH,
    _REQUEST_ID,
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
    {**_query("source", "The event's source.", {"type": "string", "default": DEFAULT_SOURCE}), "example": "/shop"},
    _query("inbox", "The inbox that it was posted to.", _INBOX_SCHEMA),
    _IF_NONE_MATCH,
    _REQUEST_ID,
]


def _sent(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


_HEADERS = {
    "ETag": _sent("Names this answer, for `If-None-Match`.", _ETAG),
    "Cache-Control": _sent("It may be kept, but not used again unasked.", "private, no-cache"),
    "Vary": _sent("Answers of over 1 KiB are compressed with zstd or gzip where asked.", "Accept, Accept-Encoding"),
    "RateLimit": _sent("What is left of the key's limit.", '"default";r=940;t=1'),
    "RateLimit-Policy": _sent("The key's limit.", '"default";q=1000;w=1'),
    "X-Request-ID": _sent("Names the request in the log.", "req-1"),
}
_UNDELIVERED = _sent("For bare arrays, with `count=true`: as `undelivered` of an `InboxPage`.", "17")
_LINK = _sent(f"For `{BATCH}`: the next page.", LINK)


def _problem(status: HTTPStatus, name: str, title: str, detail: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    example = {
        "type": name if ":" in name else f"urn:triggers:problem:{name}",
        "title": title,
        "status": status.value,
        "detail": detail,
        "instance": _INSTANCE,
        **more,
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {MEDIA_TYPE: {"schema": schema, "example": example}}
    return {"description": status.phrase, "headers": {"X-Request-ID": _HEADERS["X-Request-ID"]}, "content": content}


def _waiting(problem: dict[str, Any]) -> dict[str, Any]:
    retry_after = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
    return {**problem, "headers": {**problem["headers"], "Retry-After": retry_after}}


_INVALID = ("invalid-request", "The request is invalid", "The query is invalid.")
_NOT_MODIFIED = {"description": "The answer is the one that `If-None-Match` names.", "headers": _HEADERS}
_ERRORS = {
    "401": _problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "A valid API key is needed", "The API key is not valid."),
    "403": _problem(
        HTTPStatus.FORBIDDEN,
        "forbidden",
        "The API key may not do this",
        "The API key lacks the scope inbox:read.",
    ),
    "429": _waiting(
        _problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate-limited",
            "Too many requests",
            "The API key may send 1,000 events a second.",
        )
    ),
    "500": _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "about:blank",
        HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
        "The error is logged under the instance named here.",
    ),
    "503": _waiting(
        _problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            "The service can't do this right now",
            "A part of the service is full or does not answer. Nothing is lost if the request is repeated.",
        )
    ),
}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_READ_INBOX = {
    "tags": ["inbox"],
    "operationId": "readInbox",
    "summary": "Read an inbox",
    "description": (
        "Answers with a page of events, oldest first, and a cursor. A consumer that keeps its cursor sees every event"
        f" once. An event shows up one to two seconds after it was accepted. `Accept: {BATCH}` answers with a bare"
        " array, and with the next page in `Link`. Needs the scope `inbox:read`; costs one of the key's rate."
    ),
    "security": [{"bearer": []}, {"header": []}],
    "parameters": _INBOX_PARAMETERS,
    "responses": {
        "200": {
            "description": "A page of events",
            "headers": {**_HEADERS, "Link": _LINK, "Undelivered": _UNDELIVERED},
            "content": {
                JSON: {"schema": {"oneOf": [_ref("InboxPage"), _ref("ZapierEvents")]}, "examples": PAGES},
                BATCH: {"schema": _ref("InboxBatch"), "example": [EVENT]},
            },
        },
        "304": _NOT_MODIFIED,
        "400": _problem(
            HTTPStatus.BAD_REQUEST,
            *_INVALID,
            errors=[{"detail": f"`limit` must be a whole number from 1 to {MAX_LIMIT}.", "pointer": "/limit"}],
        ),
        "406": _problem(
            HTTPStatus.NOT_ACCEPTABLE,
            "not-acceptable",
            "No acceptable media type",
            f"The inbox can be had as {JSON} and, but for format=zapier, as {BATCH}.",
        ),
        **_ERRORS,
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
    "security": [{"bearer": []}, {"header": []}],
    "parameters": _EVENT_PARAMETERS,
    "responses": {
        "200": {
            "description": "The event, and what became of it",
            "headers": _HEADERS,
            "content": {JSON: {"schema": _ref("EventFate"), "example": FATE}},
        },
        "304": _NOT_MODIFIED,
        "400": _problem(
            HTTPStatus.BAD_REQUEST,
            *_INVALID,
            errors=[{"detail": "There is no parameter `sourc`; known: `source`, `inbox`.", "pointer": "/sourc"}],
        ),
        "404": {
            **_problem(HTTPStatus.NOT_FOUND, "not-found", "Not found", NONE_SUCH),
            "description": (
                "There is none: not posted, not stored yet, erased, expired, or of a type that the key may not read"
            ),
        },
        **_ERRORS,
    },
}

PATHS: Mapping[str, Any] = {INBOX_PATH: {"get": _READ_INBOX}, EVENT_PATH: {"get": _READ_EVENT}}
