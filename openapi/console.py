"""OpenAPI of the console. Written by hand, like that of the other parts."""

from collections.abc import Mapping
from typing import Any

from console.handlers import DLQ_PATH, MAX_BODY_BYTES, MAX_ID_LENGTH, QUEUE_PATH, REDRIVE_PATH
from console.queues import MAX_DEAD_LETTERS
from openapi.describing import REQUEST_ID, SECURITY, SENT, ref, refusals, sent
from shared.model.api_key import OPERATE
from shared.model.errors import Fault, Forbidden, InvalidRequest, TooLarge, TooSlow, Unavailable, UnsupportedMedia
from shared.web.body import BODY_SECONDS

_JSON = "application/json"
_ID = "5fea7756-0ea4-451a-a703-a558b933e274"

_FORBIDDEN = (Forbidden(f"The API key lacks the scope {OPERATE}."), f"The key lacks the scope `{OPERATE}`.")
_OF_READS = refusals(
    _FORBIDDEN, (Unavailable("down"), "A queue does not respond. Retry after the seconds in `Retry-After`.")
)
_OF_REDRIVE = refusals(
    (
        InvalidRequest("The body is invalid.", [Fault(detail="`ids` is missing.", pointer="/ids")]),
        "The body is invalid; nothing was moved.",
    ),
    _FORBIDDEN,
    (TooSlow(BODY_SECONDS), "The body took longer than 30 seconds to arrive."),
    (TooLarge(MAX_BODY_BYTES), "The body is larger than 64 KiB."),
    (
        UnsupportedMedia(f"The Content-Type is not {_JSON}.", accepted=[_JSON]),
        "The body is not JSON, or is compressed.",
    ),
    (
        Unavailable("down"),
        "A queue does not respond. Retry after the seconds in `Retry-After`; messages already moved stay moved.",
    ),
)

DEAD_LETTER: Mapping[str, Any] = {
    "id": _ID,
    "reason": "the store refuses the event",
    "kind": "events",
    "tenant": "acme",
    "key_id": "k7q2mfz4ab",
    "accepted_at": 1_795_366_991_042,
    "events": 1,
    "first": {"inbox": "orders", "source": "/shop", "id": "order-17", "type": "order.paid"},
    "receives": 2,
}
_COUNTS = {"waiting": 12, "dead": 1}
_DEAD_LETTERS = {"messages": [DEAD_LETTER], "more": False}
_MOVED = {"redriven": 1, "left": 0}


def _answer(description: str, schema: str, example: object) -> dict[str, Any]:
    content = {_JSON: {"schema": ref(schema), "example": example}}
    headers = SENT | {"Cache-Control": sent("The response must not be cached.", "no-store")}
    return {"description": description, "headers": headers, "content": content}


def _operation(
    name: str, summary: str, description: str, answer: Mapping[str, Any], refused: Mapping[str, Any]
) -> dict[str, Any]:
    needs = f" Requires the scope `{OPERATE}`, which covers all tenants."
    return {
        "operationId": name,
        "tags": ["operating"],
        "summary": summary,
        "description": description + needs,
        "security": SECURITY,
        "parameters": [REQUEST_ID],
        "responses": {"200": answer, **refused},
    }


_READ_QUEUE = _operation(
    "readQueue",
    "Queue depth",
    "The approximate number of messages in the queue and in the dead-letter queue (DLQ). A message is a pack of many"
    " events or acks. Messages that are being processed or inspected are not counted. Costs 1 of the key's rate.",
    _answer("The approximate number of messages", "QueueCounts", _COUNTS),
    _OF_READS,
)
_READ_DLQ = _operation(
    "readDeadLetters",
    "List dead letters",
    f"Up to {MAX_DEAD_LETTERS} messages of the DLQ, with their reasons and contents, but without payloads. The request"
    " takes a second or two, during which the messages are invisible to other receivers. Costs 1 of the key's rate.",
    _answer("Dead letters, ordered by acceptance time, oldest first", "DeadLetters", _DEAD_LETTERS),
    _OF_READS,
)
_REDRIVE = {
    **_operation(
        "redriveDeadLetters",
        "Redrive dead letters",
        "Sends dead letters to the queue again, once their cause is fixed. Each is deleted from the DLQ only after its"
        " copy is in the queue. Events sent twice are stored once, so a redrive may be repeated. Each id costs 1 of the"
        " key's rate.",
        _answer("The result", "Redriven", _MOVED),
        _OF_REDRIVE,
    ),
    "requestBody": {
        "required": True,
        "content": {_JSON: {"schema": ref("Redrive"), "examples": {"one": {"value": {"ids": [_ID]}}}}},
    },
}

PATHS: Mapping[str, Any] = {
    QUEUE_PATH: {"get": _READ_QUEUE},
    DLQ_PATH: {"get": _READ_DLQ},
    REDRIVE_PATH: {"post": _REDRIVE},
}


def _object(description: str, properties: Mapping[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _count(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "description": description}


def _or_null(kind: str, description: str) -> dict[str, Any]:
    return {"type": [kind, "null"], "description": description}


_TEXT = {"type": "string"}
_SUBJECT = _object(
    "An event without its content.",
    {"inbox": _TEXT, "source": _TEXT, "id": _TEXT, "type": _or_null("string", "Null for a removal.")},
)

SCHEMAS: Mapping[str, Any] = {
    "QueueCounts": _object(
        "The approximate number of messages.", {"waiting": _count("In the queue."), "dead": _count("In the DLQ.")}
    ),
    "DeadLetter": _object(
        "A message of the DLQ. If its body can't be read, the fields that describe its contents are null.",
        {
            "id": {"type": "string", "description": "The message id in the DLQ, which a redrive takes."},
            "reason": {"type": "string", "description": "Why the message is in the DLQ."},
            "kind": {"enum": ["events", "acks", "remove", None]},
            "tenant": _or_null("string", "The tenant."),
            "key_id": _or_null("string", "The API key that sent it."),
            "accepted_at": _or_null("integer", "Acceptance time in epoch milliseconds."),
            "events": _or_null("integer", "The number of events, acks or removals in the message."),
            "first": {"oneOf": [_SUBJECT, {"type": "null"}]},
            "receives": _count("The number of times it was received, both by workers and to inspect it."),
        },
    ),
    "DeadLetters": _object(
        "Messages of the DLQ.",
        {
            "messages": {"type": "array", "maxItems": MAX_DEAD_LETTERS, "items": ref("DeadLetter")},
            "more": {"type": "boolean", "description": "Whether there are more."},
        },
    ),
    "Redrive": {
        **_object(
            "The dead letters to redrive.",
            {
                "ids": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_DEAD_LETTERS,
                    "items": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
                }
            },
        ),
        "additionalProperties": False,
    },
    "Redriven": _object(
        "The result of a redrive.",
        {
            "redriven": _count("Moved to the queue."),
            "left": _count("Not found, received by another consumer, or refused by the queue."),
        },
    ),
}
