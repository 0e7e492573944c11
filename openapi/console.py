"""What an operator may ask, as OpenAPI. By hand, like that of the other parts."""

from collections.abc import Mapping
from typing import Any

from console.handlers import DLQ_PATH, MAX_BODY_BYTES, MAX_ID_LENGTH, QUEUE_PATH, REDRIVE_PATH
from console.queues import MAX_LETTERS
from openapi.describing import REQUEST_ID, SECURITY, SENT, ref, refusals, sent
from shared.model.api_key import OPERATE
from shared.model.errors import Fault, Forbidden, InvalidRequest, TooLarge, TooSlow, Unavailable, UnsupportedMedia
from shared.web.body import BODY_SECONDS

_JSON = "application/json"
_ID = "5fea7756-0ea4-451a-a703-a558b933e274"

_FORBIDDEN = (Forbidden(f"The API key lacks the scope {OPERATE}."), f"The key lacks the scope `{OPERATE}`.")
_OF_READS = refusals(
    _FORBIDDEN, (Unavailable("down"), "A queue does not answer. Repeat the request after `Retry-After`.")
)
_OF_REDRIVE = refusals(
    (
        InvalidRequest("The body is invalid.", [Fault(detail="`ids` is missing.", pointer="/ids")]),
        "The body is no such object; nothing was moved.",
    ),
    _FORBIDDEN,
    (TooSlow(BODY_SECONDS), "The body took longer than 30 seconds to come."),
    (TooLarge(MAX_BODY_BYTES), "The body is larger than 64 KiB."),
    (
        UnsupportedMedia(f"The Content-Type is not {_JSON}.", accepted=[_JSON]),
        "The body is no JSON, or compressed.",
    ),
    (
        Unavailable("down"),
        "A queue does not answer. Repeat the request after `Retry-After`: what was moved by then stays moved.",
    ),
)

LETTER: Mapping[str, Any] = {
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
_LOOK = {"letters": [LETTER], "more": False}
_MOVED = {"redriven": 1, "left": 0}


def _answer(description: str, schema: str, example: object) -> dict[str, Any]:
    content = {_JSON: {"schema": ref(schema), "example": example}}
    headers = SENT | {"Cache-Control": sent("Nothing is kept.", "no-store")}
    return {"description": description, "headers": headers, "content": content}


def _operation(
    name: str, summary: str, description: str, answer: Mapping[str, Any], refused: Mapping[str, Any]
) -> dict[str, Any]:
    needs = f" Needs the scope `{OPERATE}`, which shows what is of all tenants."
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
    "Count what waits",
    "About how many messages wait in the queue, and how many lie in the dead-letter queue (DLQ). A message is a pack:"
    " it holds many events, or acks. Those that somebody works on, or looks at, are not counted. Costs one of the key's"
    " rate.",
    _answer("How many messages there are", "QueueCounts", _COUNTS),
    _OF_READS,
)
_READ_DLQ = _operation(
    "readDeadLetters",
    "Look at dead letters",
    f"Up to {MAX_LETTERS} messages of the DLQ, why they are there and what they hold, but no payload. Looking takes a"
    " second or two and hides them from others for as long. Costs one of the key's rate.",
    _answer("Dead letters, those accepted first first", "DeadLetters", _LOOK),
    _OF_READS,
)
_REDRIVE = {
    **_operation(
        "redriveDeadLetters",
        "Send dead letters to the queue again",
        "After the cause was mended. Each is deleted from the DLQ only once its copy is in the queue; what is sent"
        " twice is stored once, so this may be repeated. Each id costs one of the key's rate.",
        _answer("What became of them", "Redriven", _MOVED),
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
    "An event, without its content.",
    {"inbox": _TEXT, "source": _TEXT, "id": _TEXT, "type": _or_null("string", "Not known of what is to be erased.")},
)

SCHEMAS: Mapping[str, Any] = {
    "QueueCounts": _object(
        "About how many messages there are.", {"waiting": _count("In the queue."), "dead": _count("In the DLQ.")}
    ),
    "DeadLetter": _object(
        "A message of the DLQ. What can't be known of one that can't be read is null.",
        {
            "id": {"type": "string", "description": "The queue's name for it, as a redrive takes it."},
            "reason": {"type": "string", "description": "Why it is there."},
            "kind": {"enum": ["events", "acks", "remove", None]},
            "tenant": _or_null("string", "Whose it is."),
            "key_id": _or_null("string", "With which key it was sent."),
            "accepted_at": _or_null("integer", "When it was accepted, in epoch milliseconds."),
            "events": _or_null("integer", "How many events, acks or removals it holds."),
            "first": {"oneOf": [_SUBJECT, {"type": "null"}]},
            "receives": _count("How often it was received, by workers and by those who looked at it."),
        },
    ),
    "DeadLetters": _object(
        "Some of the DLQ.",
        {
            "letters": {"type": "array", "maxItems": MAX_LETTERS, "items": ref("DeadLetter")},
            "more": {"type": "boolean", "description": "There are others."},
        },
    ),
    "Redrive": {
        **_object(
            "Which letters to send again.",
            {
                "ids": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_LETTERS,
                    "items": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
                }
            },
        ),
        "additionalProperties": False,
    },
    "Redriven": _object(
        "What became of the letters that were named.",
        {
            "redriven": _count("In the queue again."),
            "left": _count("Not there, held by somebody else, or not taken by the queue."),
        },
    ),
}
