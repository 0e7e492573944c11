"""`GET /v1/inbox` as OpenAPI. By hand, since its parameters and its answer are read and written by hand."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from shared import cursor
from shared.event import DEFAULT_INBOX, INBOX_PATTERN
from shared.web.problems import MEDIA_TYPE
from worker.inbox import MAX_LIMIT
from worker.inbox_query import DEFAULT_LIMIT

_POSITION = "0199c0de-1f2e-7a3b-8c4d-5e6f708192a3"
_INSTANCE = "urn:triggers:request:0199c0de-2a00-7000-8000-0123456789ab"

_EXAMPLE = {
    "events": [
        {
            "specversion": "1.0",
            "id": "order-17-paid",
            "source": "/shop",
            "type": "order.paid",
            "time": "2026-11-22T17:03:11.042Z",
            "datacontenttype": "application/json",
            "data": {"order": 17, "total": 99.5},
            "inbox": DEFAULT_INBOX,
            "receivedat": "2026-11-22T17:03:11.050Z",
            "position": _POSITION,
        }
    ],
    "next": cursor.encode(_POSITION, DEFAULT_INBOX),
    "more": False,
}

SCHEMAS: Mapping[str, Any] = {
    "InboxEvent": {
        "title": "InboxEvent",
        "type": "object",
        "description": "A CloudEvents 1.0 event as it was accepted, and where it lies. Extensions are kept.",
        "required": ["specversion", "id", "source", "type", "inbox", "receivedat", "position"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string"},
            "source": {"type": "string", "format": "uri-reference"},
            "type": {"type": "string"},
            "subject": {"type": "string"},
            "time": {"type": "string", "format": "date-time"},
            "data": {"description": "Any JSON, byte for byte as it was posted."},
            "inbox": {"type": "string"},
            "receivedat": {"type": "string", "format": "date-time", "description": "When the API accepted it."},
            "position": {"type": "string", "format": "uuid", "description": "A UUIDv7; an inbox is sorted by it."},
        },
        "additionalProperties": True,
    },
    "InboxPage": {
        "title": "InboxPage",
        "type": "object",
        "required": ["events", "next", "more"],
        "properties": {
            "events": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/InboxEvent"},
                "description": "Oldest first. May be fewer than `limit`, or none, also when `more` is true.",
            },
            "next": {"type": "string", "description": "Cursor to give as `after` next time. Always there."},
            "more": {"type": "boolean", "description": "Asking again at once is worthwhile."},
        },
    },
}

_PARAMETERS = [
    {
        "name": "inbox",
        "in": "query",
        "description": "Which inbox. One that was never written to is empty.",
        "schema": {"type": "string", "pattern": f"^{INBOX_PATTERN.pattern}$", "default": DEFAULT_INBOX},
    },
    {
        "name": "after",
        "in": "query",
        "description": "`next` of an earlier answer from the same inbox. Without it, reading starts at the beginning.",
        "schema": {"type": "string"},
    },
    {
        "name": "limit",
        "in": "query",
        "description": "Most events to answer with.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    },
]


def _problem(status: HTTPStatus, name: str, title: str, detail: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    example = {
        "type": f"urn:triggers:problem:{name}",
        "title": title,
        "status": status.value,
        "detail": detail,
        "instance": _INSTANCE,
        **more,
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}


def _waiting(problem: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1}
    return {**problem, "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": schema}}}


_ERRORS = {
    "400": _problem(
        HTTPStatus.BAD_REQUEST,
        "invalid-request",
        "The request is invalid",
        "The query is invalid.",
        errors=[{"detail": f"`limit` must be a whole number from 1 to {MAX_LIMIT}.", "pointer": "/limit"}],
    ),
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
    "503": _waiting(
        _problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            "The service can't do this right now",
            "A part of the service is full or does not answer. Nothing is lost if the request is repeated.",
        )
    ),
}

PATHS: Mapping[str, Any] = {
    "/v1/inbox": {
        "get": {
            "tags": ["inbox"],
            "operationId": "readInbox",
            "summary": "Read an inbox",
            "description": (
                "Answers with a page of events, oldest first, and a cursor. A consumer that keeps its cursor sees"
                " every event once. An event shows up one to two seconds after it was accepted. Needs the scope"
                " `inbox:read`; costs one of the key's rate."
            ),
            "security": [{"bearer": []}, {"header": []}],
            "parameters": _PARAMETERS,
            "responses": {
                "200": {
                    "description": "A page of events",
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/InboxPage"},
                            "example": _EXAMPLE,
                        }
                    },
                },
                **_ERRORS,
            },
        }
    }
}
