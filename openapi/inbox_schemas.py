"""OpenAPI schemas and examples of the inbox's responses."""

from collections.abc import Mapping
from typing import Any

from openapi.bodies import SOURCE
from openapi.describing import ALWAYS_TRUE
from shared.model import cursor
from shared.model.event import DEFAULT_INBOX
from worker.reading.counts import MAX_COUNT

_POSITION = "0199c0de-1f2e-7a3b-8c4d-5e6f708192a3"

EVENT: Mapping[str, Any] = {
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

_NEXT = cursor.encode(_POSITION, DEFAULT_INBOX)
LINK = f'</v1/inbox?inbox={DEFAULT_INBOX}&after={_NEXT}&limit=100>; rel="next"'

PAGES: Mapping[str, Any] = {
    "page": {"summary": "A page", "value": {"events": [EVENT], "next": _NEXT, "more": False}},
    "empty": {"summary": "Nothing new", "value": {"events": [], "next": _NEXT, "more": False}},
    "count": {
        "summary": "With `count=true`",
        "value": {"events": [EVENT], "next": _NEXT, "more": True, "undelivered": f"{MAX_COUNT}+"},
    },
    "zapier": {
        "summary": "With `format=zapier`",
        "value": [{**EVENT, "id": _POSITION, "eventid": EVENT["id"]}],
    },
}

INBOX_LIST: Mapping[str, Any] = {"inboxes": [{"inbox": "default"}, {"inbox": "payments"}], "more": False}

EVENT_STATUS: Mapping[str, Any] = {
    "id": EVENT["id"],
    "status": "stored",
    "position": _POSITION,
    "receivedat": EVENT["receivedat"],
    "storedat": "2026-11-22T17:03:11.390Z",
    "expiresat": "2026-12-22T17:03:11.000Z",
    "event": EVENT,
}


def _time(description: str) -> dict[str, str]:
    return {"type": "string", "format": "date-time", "description": description}


_PLACE = {
    "inbox": {"type": "string"},
    "receivedat": _time("When the API accepted the event."),
    "position": {"type": "string", "format": "uuid", "description": "A UUIDv7, the sort key of an inbox."},
}
_DELIVERED_AT = _time("When the event was acknowledged; absent before.")

SCHEMAS: Mapping[str, Any] = {
    "InboxEvent": {
        "title": "InboxEvent",
        "type": "object",
        "description": "A CloudEvents 1.0 event as it was accepted, with its place in the inbox. Extensions are kept.",
        "required": ["specversion", "id", "source", "type", "inbox", "receivedat", "position"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string"},
            "source": {"type": "string", **SOURCE},
            "type": {"type": "string"},
            "subject": {"type": "string"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"type": "string"},
            "dataschema": {"type": "string"},
            "data": {"description": "Any JSON, byte for byte as it was posted."},
            "data_base64": {
                "type": "string",
                "description": (
                    "In place of `data` if the posted content is not JSON, or JSON that common parsers refuse: with"
                    " half of a surrogate pair, or a number of more than 1,000 digits or beyond a double."
                ),
            },
            "dataerror": {
                "enum": ["missing", "broken"],
                "description": "In place of `data`, in rare cases: the store has lost the content.",
            },
            **_PLACE,
            "deliveredat": _DELIVERED_AT,
            "possibleduplicate": {
                **ALWAYS_TRUE,
                "description": "The event was moved, in a rare case: it may have been read at another position before.",
            },
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
                "description": "Oldest first. May hold fewer than `limit` events, or none, even if `more` is true.",
            },
            "next": {
                "type": "string",
                "description": "The cursor to pass as `after` in the next request. Always present.",
            },
            "more": {"type": "boolean", "description": "Whether the next page may have events already."},
            "undelivered": {
                "oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+\\+$"}],
                "description": (
                    "With `count=true`: the number of undelivered events of the requested types in the inbox,"
                    f" regardless of `after`. Up to two seconds old. `{MAX_COUNT}+` means more than that. Another"
                    " number with `+` means at least that many: the events are too large to count further."
                ),
            },
        },
    },
    "InboxList": {
        "title": "InboxList",
        "type": "object",
        "required": ["inboxes", "more"],
        "properties": {
            "inboxes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["inbox"],
                    "properties": {"inbox": {"type": "string", "description": "The name of the inbox."}},
                },
            },
            "more": {"type": "boolean", "description": "Whether there are others after the last one."},
        },
    },
    "InboxBatch": {
        "title": "InboxBatch",
        "type": "array",
        "items": {"$ref": "#/components/schemas/InboxEvent"},
    },
    "ZapierEvents": {
        "title": "ZapierEvents",
        "type": "array",
        "description": "Newest first.",
        "items": {
            "type": "object",
            "required": ["id", "eventid", "source", "type", "inbox", "receivedat", "position"],
            "description": "An InboxEvent whose `id` is its position, unique over all sources.",
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "eventid": {"type": "string", "description": "The event's own id."},
                "source": {"type": "string"},
                "type": {"type": "string"},
                **_PLACE,
            },
            "additionalProperties": True,
        },
    },
    "EventStatus": {
        "title": "EventStatus",
        "type": "object",
        "required": ["id", "status", "position", "receivedat", "storedat", "expiresat", "event"],
        "properties": {
            "id": {"type": "string"},
            "status": {"enum": ["stored", "delivered"], "description": "`delivered`: the event was acknowledged."},
            "position": _PLACE["position"],
            "receivedat": _PLACE["receivedat"],
            "storedat": _time("When the worker stored the event."),
            "deliveredat": _DELIVERED_AT,
            "expiresat": _time("When the event expires."),
            "event": {"$ref": "#/components/schemas/InboxEvent"},
        },
    },
}
