"""OpenAPI of ingest. Written by hand, since its bodies and headers are read by hand."""

from collections.abc import Iterator
from typing import Any

from ingest import acks, deliveries, events
from ingest.formats.fields import MAX_TEXT_LENGTH, RULES
from ingest.formats.registry import READERS
from ingest.request_body import CODINGS
from ingest.sources.receive import MAX_BODY_BYTES
from openapi.bodies import ACCEPTED, ACKS, OTHER_CONTENT, SOURCE, TEXT, content, other_content
from openapi.bodies import schemas as schemas  # noqa: PLC0414 - the other half of a part's description
from openapi.describing import REQUEST_ID, SECURITY, SENT, SLOW_BODY, by_query, header, query, ref, refusals, sent
from shared.model.api_key import EVENTS_WRITE, INBOX_ACK
from shared.model.errors import (
    Fault,
    Forbidden,
    InvalidEvent,
    InvalidRequest,
    NotAuthentic,
    RateLimited,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)
from shared.model.event import DEFAULT_INBOX, DEFAULT_SOURCE, INBOX_PATTERN, MAX_REQUEST_BYTES

EVENT_PATH = "/v1/events/{event_id}"

_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"

_SENT_ID = {"X-Request-ID": SENT["X-Request-ID"]}
_TOKEN = {
    "in": "path",
    "name": "token",
    "required": True,
    "description": "The last part of the source's URL: `src_<id>_<secret>`.",
    "schema": {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_-]+$"},
    "example": "src_4k7w2xqpzm_" + "x" * 43,
}
_NOT_DELIVERED = (
    (NotAuthentic("mismatch"), "Unknown URL, disabled source, or a missing or invalid signature."),
    (RateLimited("A source accepts 1,000 deliveries per second.", 1), "The source exceeds its rate limit."),
    (Unavailable(""), "The queue or the table of sources does not respond. Retry the request."),
)

_NO_TYPE = InvalidEvent("The event is invalid.", [Fault(detail="`type` is missing.", pointer="/type")])
_NO_POSITIONS = InvalidRequest(
    "The acks are invalid. None were accepted.", [Fault(detail="`positions` is missing.", pointer="/positions")]
)
_NO_ID = InvalidRequest("The path is invalid.", [Fault(detail=RULES["id"], pointer="/id")])


def paths() -> dict[str, Any]:
    """Return the path items."""
    return {
        events.PATH: {"post": _post_events(), "delete": by_query(_delete(), "deleteEventByQuery")},
        deliveries.PATH: {"post": _post_delivery(), "options": _options_of_delivery()},
        acks.PATH: {"post": _post_acks()},
        EVENT_PATH: {"delete": _delete()},
    }


def _post_events() -> dict[str, Any]:
    single = {"$ref": "#/components/schemas/Accepted"}
    examples = {"one": {"value": ACCEPTED}, "batch": {"value": {"accepted": 1, "events": [ACCEPTED]}}}
    return {
        "operationId": "postEvents",
        "tags": ["events"],
        "summary": "Post events",
        "description": (
            "A 202 means that the queue holds all events. They can be read about a second later. A request is accepted"
            " or refused as a whole. The same path accepts NDJSON and CloudEvents in all modes:"
            f" `{OTHER_CONTENT}` describes these bodies. Requires the scope `{EVENTS_WRITE}`; each event costs 1 of the"
            " key's rate."
        ),
        "security": SECURITY,
        "parameters": [
            query("inbox", "The inbox for events that don't name one.", _inbox(), "orders"),
            _idempotency_key(),
            _encoding(),
            *_trace(),
            REQUEST_ID,
            *_binary(),
        ],
        # Generators of clients accept one media type of a body at most, if that is a list or a single event.
        "requestBody": {"required": True, "content": content(), OTHER_CONTENT: other_content()},
        "responses": {
            "202": {
                "description": "The queue holds all events.",
                "headers": SENT | {"Location": sent("Where to read a single event.", "/v1/events/order-1042")},
                "content": {
                    "application/json": {"schema": {"oneOf": [single, ref("AcceptedBatch")]}, "examples": examples}
                },
            },
            **_refusals(EVENTS_WRITE, _NO_TYPE, *_of_body(*READERS)),
        },
    }


def _post_delivery() -> dict[str, Any]:
    return {
        "operationId": "postDelivery",
        "tags": ["events"],
        "summary": "Deliver a webhook",
        "description": (
            "For webhooks of other services. Any body of up to 1 MiB becomes an event, byte for byte; the scheme of the"
            " source verifies the signature and finds the attributes. No API key is needed: the URL is a secret."
        ),
        "security": [],
        "parameters": [_TOKEN, *_trace(), REQUEST_ID],
        "requestBody": {
            "description": "Any content of any type.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": {
            "200": {
                "description": "The queue holds the event, and the body is empty; or the response to a handshake.",
                "headers": _SENT_ID,
            },
            **refusals(
                *_NOT_DELIVERED,
                (TooLarge(MAX_BODY_BYTES), "The body is larger than 1 MiB, or does not fit in a message of the queue."),
                SLOW_BODY,
            ),
        },
    }


def _options_of_delivery() -> dict[str, Any]:
    return {
        "operationId": "requestDelivery",
        "tags": ["events"],
        "summary": "Request permission to deliver",
        "description": "The handshake of CloudEvents webhooks and Azure Event Grid.",
        "security": [],
        "parameters": [
            _TOKEN,
            header("WebHook-Request-Origin", "The sender; `WebHook-Allowed-Origin` repeats it.", "events.example.com"),
            REQUEST_ID,
        ],
        "responses": {"200": {"description": "Permission granted.", "headers": _SENT_ID}, **refusals(*_NOT_DELIVERED)},
    }


def _post_acks() -> dict[str, Any]:
    return {
        "operationId": "ackEvents",
        "tags": ["inbox"],
        "summary": "Acknowledge events by position",
        "description": (
            "A worker moves acknowledged events from the inbox to the delivered events; until then they stay in the"
            " inbox. Acks may be repeated, and a position without an event is ignored. Requires the scope"
            f" `{INBOX_ACK}`; each position costs 1 of the key's rate."
        ),
        "security": SECURITY,
        "parameters": [_encoding(), *_trace()[:1], REQUEST_ID],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref("Acks"), "examples": {"acks": {"value": ACKS}}}},
        },
        "responses": {
            "202": _accepted("The queue holds all acks."),
            **_refusals(INBOX_ACK, _NO_POSITIONS, *_of_body("application/json")),
        },
    }


def _delete() -> dict[str, Any]:
    path = {
        "in": "path",
        "name": "event_id",
        "required": True,
        "description": "The event's id, percent-encoded.",
        "schema": {"type": "string", **TEXT},
        "example": ACCEPTED["id"],
    }
    source = {"type": "string", **SOURCE, "default": DEFAULT_SOURCE}
    erase = {"type": "string", "enum": ["true", "false"], "default": "false"}
    return {
        "operationId": "deleteEvent",
        "tags": ["events"],
        "summary": "Acknowledge or erase one event",
        "description": (
            "Acknowledges an event by its identity. With `erase=true` its payload is removed permanently, also from the"
            " delivered events, and events posted again with this identity within the deduplication window are dropped."
            f" May be repeated. Requires the scope `{INBOX_ACK}`, and a key that is not limited to event types."
        ),
        "security": SECURITY,
        "parameters": [
            path,
            query("source", "The event's source.", source, "/shop"),
            query("inbox", "The inbox of the event.", _inbox(), "orders"),
            query("erase", "Remove the payload permanently, for a data-subject request.", erase, "true"),
            *_trace()[:1],
            REQUEST_ID,
        ],
        "responses": {
            "202": _accepted("The queue holds the request."),
            **_refusals(INBOX_ACK, _NO_ID),
        },
    }


def _idempotency_key() -> dict[str, Any]:
    meaning = "The id of an event without one; in a batch, followed by `:` and the event's index. Quoted or unquoted."
    pattern = r'^(?:"(?:[ !#-\[\]-~]|\\["\\])+"|[!#-~](?:[ -~]*[!-~])?)$'
    schema = {"type": "string", "maxLength": MAX_TEXT_LENGTH, "pattern": pattern}
    return {**header("Idempotency-Key", meaning, '"order-1042"'), "schema": schema}


def _inbox() -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{INBOX_PATTERN.pattern}$", "default": DEFAULT_INBOX}


def _encoding() -> dict[str, Any]:
    described = header(
        "Content-Encoding",
        "How the body is compressed. The limit of 512 KiB also applies to the decompressed body.",
        "gzip",
    )
    return {**described, "schema": {"type": "string", "enum": [*CODINGS, "identity"]}}


def _trace() -> list[dict[str, Any]]:
    return [
        header("traceparent", "W3C trace context, added to events without one and to the worker's log.", _TRACE),
        header("tracestate", "Added to the same events.", "vendor=1"),
    ]


def _binary() -> list[dict[str, Any]]:
    attributes = {
        "specversion": "1.0",
        "id": "order-1042",
        "source": "/shop",
        "type": "order.created",
        "subject": "Jos%C3%A9",
        "time": "2026-11-22T17:03:11.042Z",
        "dataschema": "https://shop.example/schema",
        "inbox": "orders",
    }
    text = "CloudEvents in binary mode: `{name}`, percent-encoded. Extensions are sent in the same way."
    headers = [header(f"ce-{name}", text.format(name=name), value) for name, value in attributes.items()]
    headers[0]["schema"]["enum"] = [attributes["specversion"]]
    return headers


def _accepted(description: str) -> dict[str, Any]:
    example = {"schema": ref("AcceptedCount"), "example": {"accepted": 1}}
    return {"description": description, "headers": SENT, "content": {"application/json": example}}


def _refusals(scope: str, invalid: InvalidRequest, *own: tuple[Exception, str]) -> dict[str, Any]:
    """Return the error responses: to `invalid` requests, to keys without `scope`, and to `own` causes."""
    return refusals(
        (
            invalid,
            "The body, path, query or a header is invalid; `errors` lists every fault. Nothing was accepted.",
        ),
        (
            Forbidden(f"The API key lacks the scope {scope}."),
            "The key lacks the scope, or does not allow events of this type.",
        ),
        (
            Unavailable("The queue does not respond."),
            "The queue did not confirm, or ingest is overloaded. Retry after the seconds in `Retry-After`.",
        ),
        *own,
    )


def _of_body(*media_types: str) -> Iterator[tuple[Exception, str]]:
    yield SLOW_BODY
    yield TooLarge(MAX_REQUEST_BYTES), "The body is larger than 512 KiB, as sent or decompressed."
    unread = UnsupportedMedia(f"The Content-Type must be one of: {', '.join(media_types)}.", media_types, CODINGS)
    yield unread, "The format or coding is not supported; `Accept-Post` or `Accept-Encoding` lists the supported ones."
