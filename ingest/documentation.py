"""OpenAPI of what takes events and acks. By hand, since their bodies and headers are read by hand."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ingest import acks, events
from ingest.coding import CODINGS
from ingest.documented_bodies import ACCEPTED, ACKS, SOURCE, TEXT, content, ref
from ingest.documented_bodies import schemas as schemas  # noqa: PLC0414 - the other half of a part's description
from ingest.fields import MAX_TEXT_LENGTH
from shared.event import DEFAULT_INBOX, DEFAULT_SOURCE, INBOX_PATTERN
from shared.keys import EVENTS_WRITE, INBOX_ACK
from shared.web import problems

EVENT_PATH = "/v1/events/{event_id}"

_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"

_REFUSALS: Mapping[int, str] = {
    400: "The body, the path, the query or a header is invalid; `errors` lists every fault. Nothing was accepted.",
    401: "No API key, or none that is valid now.",
    403: "The key lacks the scope, or may not send or name events of this type.",
    408: "The body took longer than 30 seconds to come.",
    413: "The body is larger than 512 KiB, as it came or inflated.",
    415: "No format or coding that is read; `Accept-Post` or `Accept-Encoding` lists those.",
    429: "Over the key's rate; `Retry-After` says when to come back.",
    500: "A fault in the service; it is logged under `instance`.",
    503: "The queue did not confirm, or too much waits for it. Repeat the request after `Retry-After`.",
}
_WITHOUT_BODY = (400, 401, 403, 429, 500, 503)


def paths() -> dict[str, Any]:
    """Return the path items."""
    return {events.PATH: {"post": _post_events()}, acks.PATH: {"post": _post_acks()}, EVENT_PATH: {"delete": _delete()}}


def _post_events() -> dict[str, Any]:
    single = {"$ref": "#/components/schemas/Accepted"}
    examples = {"one": {"value": ACCEPTED}, "batch": {"value": {"accepted": 1, "events": [ACCEPTED]}}}
    return {
        "operationId": "PostEvents",
        "tags": ["events"],
        "summary": "Post events",
        "description": (
            "202 means that the queue holds them all. Reading them back takes about a second more. A request is"
            f" accepted or refused as a whole. Needs the scope `{EVENTS_WRITE}`; each event costs one of the key's"
            " rate."
        ),
        "security": _SECURITY,
        "parameters": [
            _query("inbox", "The inbox for events that name none.", _inbox(), "orders"),
            _idempotency_key(),
            _encoding(),
            *_trace(),
            _request_id(),
            *_binary(),
        ],
        "requestBody": {"required": True, "content": content()},
        "responses": {
            "202": {
                "description": "Accepted: the queue holds every event.",
                "headers": _headers()
                | {"Location": _sent("Where a single event can be read.", "/v1/events/order-1042")},
                "content": {
                    "application/json": {"schema": {"oneOf": [single, ref("AcceptedBatch")]}, "examples": examples}
                },
            },
            **_refusals(_REFUSALS),
        },
    }


def _post_acks() -> dict[str, Any]:
    return {
        "operationId": "PostAcks",
        "tags": ["inbox"],
        "summary": "Acknowledge events by position",
        "description": (
            "Events that are acknowledged leave the inbox and can be read as delivered. A worker sees to it; until then"
            " they stay. Acks may be repeated, and a position that holds no event is passed over. Needs the scope"
            f" `{INBOX_ACK}`; each position costs one of the key's rate."
        ),
        "security": _SECURITY,
        "parameters": [_encoding(), *_trace()[:1], _request_id()],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref("Acks"), "examples": {"acks": {"value": ACKS}}}},
        },
        "responses": {"202": _taken("The queue holds every ack."), **_refusals(_REFUSALS)},
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
        "operationId": "DeleteEvent",
        "tags": ["events"],
        "summary": "Acknowledge or erase one event",
        "description": (
            "Acknowledges an event by its identity. With `erase=true` its payload is removed for good, also from the"
            " delivered, and what is posted again under the identity within the window is dropped. May be repeated."
            f" Needs the scope `{INBOX_ACK}`, and a key that is not limited to some types."
        ),
        "security": _SECURITY,
        "parameters": [
            path,
            _query("source", "The event's source.", source, "/shop"),
            _query("inbox", "The inbox that it was posted to.", _inbox(), "orders"),
            _query("erase", "Remove the payload for good, as a person may ask for.", erase, "true"),
            *_trace()[:1],
            _request_id(),
        ],
        "responses": {
            "202": _taken("The queue holds the request."),
            **_refusals({status: _REFUSALS[status] for status in _WITHOUT_BODY}),
        },
    }


def _query(name: str, description: str, schema: Mapping[str, Any], example: str) -> dict[str, Any]:
    return {"in": "query", "name": name, "description": description, "schema": schema, "example": example}


def _header(name: str, description: str, example: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"in": "header", "name": name, "description": description, "schema": schema, "example": example}


def _idempotency_key() -> dict[str, Any]:
    meaning = "Stands in for missing ids, in a batch with `:` and the event's number behind it. Quoted or bare."
    pattern = r'^(?:"(?:[ !#-\[\]-~]|\\["\\])+"|[!#-~](?:[ -~]*[!-~])?)$'
    schema = {"type": "string", "maxLength": MAX_TEXT_LENGTH, "pattern": pattern}
    return {**_header("Idempotency-Key", meaning, '"order-1042"'), "schema": schema}


def _inbox() -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{INBOX_PATTERN.pattern}$", "default": DEFAULT_INBOX}


def _encoding() -> dict[str, Any]:
    described = _header("Content-Encoding", "How the body is compressed; 512 KiB is the limit also inflated.", "gzip")
    return {**described, "schema": {"type": "string", "enum": [*CODINGS, "identity"]}}


def _trace() -> list[dict[str, Any]]:
    return [
        _header("traceparent", "W3C trace context: kept with events that name none, and in the worker's log.", _TRACE),
        _header("tracestate", "Kept with it.", "vendor=1"),
    ]


def _request_id() -> dict[str, Any]:
    return _header("X-Request-ID", "Comes back in the answer, and is in the log.", "req-1")


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
    said = "CloudEvents in binary mode: `{name}`, percent-encoded. Extensions are sent the same way."
    headers = [_header(f"ce-{name}", said.format(name=name), value) for name, value in attributes.items()]
    headers[0]["schema"]["enum"] = [attributes["specversion"]]
    return headers


def _sent(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


def _headers() -> dict[str, Any]:
    return {
        "RateLimit": _sent("What is left of the key's limit.", '"default";r=940;t=1'),
        "RateLimit-Policy": _sent("The key's limit.", '"default";q=1000;w=1'),
        "X-Request-ID": _sent("Names the request in the log.", "req-1"),
    }


def _taken(description: str) -> dict[str, Any]:
    example = {"schema": ref("Taken"), "example": {"accepted": 1}}
    return {"description": description, "headers": _headers(), "content": {"application/json": example}}


def _refusals(described: Mapping[int, str]) -> dict[str, Any]:
    return {str(status): _refusal(status, description) for status, description in described.items()}


def _refusal(status: int, description: str) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": description,
        "instance": "urn:triggers:request:req-1",
    }
    headers = {"X-Request-ID": _headers()["X-Request-ID"]}
    match status:
        case HTTPStatus.BAD_REQUEST:
            example["errors"] = [{"detail": "`type` is missing.", "pointer": "/0/type"}]
        case HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            headers["Accept-Post"] = _sent("The media types that are read.", "application/json")
            headers["Accept-Encoding"] = _sent("The codings that are read.", ", ".join(CODINGS))
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = _sent("Seconds to wait.", "1")
    body = {problems.MEDIA_TYPE: {"schema": ref("Problem"), "example": example}}
    return {"description": description, "headers": headers, "content": body}
