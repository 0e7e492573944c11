"""OpenAPI of the console. Written by hand, like that of the other parts."""

from collections.abc import Mapping
from typing import Any

from console.handlers import DLQ_PATH, DROP_PATH, MAX_BODY_BYTES, MAX_ID_LENGTH, QUEUE_PATH, REDRIVE_PATH
from console.queues import MAX_DEAD_LETTERS, MAX_OPENED_BYTES, NOT_IN_DLQ
from openapi.describing import REQUEST_ID, SECURITY, SENT, SLOW_BODY, ref, refusals, sent
from shared.model.api_key import DLQ_ADMIN, OPERATE
from shared.model.errors import (
    Fault,
    Forbidden,
    InvalidRequest,
    NotFound,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)

_JSON = "application/json"
_ID = "5fea7756-0ea4-451a-a703-a558b933e274"


def _forbidden(scope: str) -> tuple[Exception, str]:
    return Forbidden(f"The API key lacks the scope {scope}."), f"The key lacks the scope `{scope}`."


_DOWN = (Unavailable("down"), "A queue does not respond. Retry after the seconds in `Retry-After`.")
_OF_READS = refusals(_forbidden(OPERATE), _DOWN)
_OF_OPENING = refusals(_forbidden(DLQ_ADMIN), (NotFound(NOT_IN_DLQ), NOT_IN_DLQ), _DOWN)
_OF_CHANGES: tuple[tuple[Exception, str], ...] = (
    (
        InvalidRequest("The body is invalid.", [Fault(detail="`ids` is missing.", pointer="/ids")]),
        "The body is invalid; nothing was changed.",
    ),
    SLOW_BODY,
    (TooLarge(MAX_BODY_BYTES), "The body is larger than 64 KiB."),
    (
        UnsupportedMedia(f"The Content-Type is not {_JSON}.", accepted=[_JSON]),
        "The body is not JSON, or is compressed.",
    ),
    (
        Unavailable("down"),
        "A queue does not respond. Retry after the seconds in `Retry-After`; what is done stays done.",
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
_DROPPED = {"dropped": 1, "left": 0}
_EVENT = {"specversion": "1.0", "id": "order-17", "source": "/shop", "type": "order.paid", "data": {"total": 99.5}}
_OPENED = {"message": DEAD_LETTER, "payloads": [_EVENT], "omitted": 0, "text": None}


def _answer(description: str, schema: str, example: object) -> dict[str, Any]:
    content = {_JSON: {"schema": ref(schema), "example": example}}
    headers = SENT | {"Cache-Control": sent("The response must not be cached.", "no-store")}
    return {"description": description, "headers": headers, "content": content}


def _operation(
    name: str,
    summary: str,
    description: str,
    answer: Mapping[str, Any],
    refused: Mapping[str, Any],
    *,
    scope: str = OPERATE,
) -> dict[str, Any]:
    needs = f" Requires the scope `{scope}`, which covers all tenants."
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
_SELECTION = {
    "required": True,
    "content": {_JSON: {"schema": ref("DeadLetterIds"), "examples": {"one": {"value": {"ids": [_ID]}}}}},
}
_OPEN = {
    **_operation(
        "openDeadLetter",
        "Open a dead letter",
        f"One message of the DLQ with its content: its events, up to {MAX_OPENED_BYTES // 1024:,} KiB of them, or the"
        " text of an unreadable message. The request takes a second or more, during which messages of the DLQ are"
        " invisible to other receivers. Costs 1 of the key's rate, and 1 more for each 64 KiB.",
        _answer("The dead letter", "OpenedDeadLetter", _OPENED),
        _OF_OPENING,
        scope=DLQ_ADMIN,
    ),
    "parameters": [
        {
            "name": "message_id",
            "in": "path",
            "required": True,
            "description": "The message id in the DLQ.",
            "schema": {"type": "string"},
            "example": _ID,
        },
        REQUEST_ID,
    ],
}
_DROP = {
    **_operation(
        "dropDeadLetters",
        "Drop dead letters",
        "Deletes dead letters permanently; their events are lost. Each id costs 1 of the key's rate.",
        _answer("The result", "Dropped", _DROPPED),
        refusals(_forbidden(DLQ_ADMIN), *_OF_CHANGES),
        scope=DLQ_ADMIN,
    ),
    "requestBody": _SELECTION,
}
_REDRIVE = {
    **_operation(
        "redriveDeadLetters",
        "Redrive dead letters",
        "Sends dead letters to the queue again, once their cause is fixed. Each is deleted from the DLQ only after its"
        " copy is in the queue. Events sent twice are stored once, so a redrive may be repeated. Each id costs 1 of the"
        " key's rate.",
        _answer("The result", "Redriven", _MOVED),
        refusals(_forbidden(OPERATE), *_OF_CHANGES),
    ),
    "requestBody": _SELECTION,
}

PATHS: Mapping[str, Any] = {
    QUEUE_PATH: {"get": _READ_QUEUE},
    DLQ_PATH: {"get": _READ_DLQ},
    f"{DLQ_PATH}/{{message_id}}": {"get": _OPEN},
    REDRIVE_PATH: {"post": _REDRIVE},
    DROP_PATH: {"post": _DROP},
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
    "OpenedDeadLetter": _object(
        "A dead letter with its content.",
        {
            "message": ref("DeadLetter"),
            "payloads": {
                "type": "array",
                "items": {"type": "object"},
                "description": "Its events, as CloudEvents JSON objects. Empty for acks, removals and unreadable text.",
            },
            "omitted": _count("The number of further events, which did not fit into the answer."),
            "text": _or_null("string", "The whole message if it can't be read, else null."),
        },
    ),
    "DeadLetterIds": {
        **_object(
            "The dead letters that the request concerns.",
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
    "Dropped": _object(
        "The result of a drop.",
        {"dropped": _count("Deleted."), "left": _count("Not found, or received by another consumer.")},
    ),
    "Redriven": _object(
        "The result of a redrive.",
        {
            "redriven": _count("Moved to the queue."),
            "left": _count("Not found, received by another consumer, or refused by the queue."),
        },
    ),
}
