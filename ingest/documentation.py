"""OpenAPI for what Litestar can't see: the raw ASGI handler of `POST /v1/events`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from ingest.events import PATH, Accepted, AcceptedBatch
from ingest.fields import RULES, Posted
from ingest.formats import READERS
from shared.event import (
    DEFAULT_INBOX,
    DEFAULT_SOURCE,
    INBOX_PATTERN,
    MAX_DATA_DEPTH,
    MAX_EVENTS_PER_REQUEST,
)
from shared.web import problems
from shared.web.problems import Problem

_REF = "#/components/schemas/{name}"
_EVENT = {
    "type": "order.created",
    "source": "/shop",
    "id": "order-1042",
    "data": {"order": 1042, "total": "19.90"},
}
_ACCEPTED = {
    "id": "order-1042",
    "source": "/shop",
    "inbox": "default",
    "receipt": "019aab6f-6a00-7000-8000-6f0e5b1c2d3e",
}
_REFUSALS: Mapping[int, str] = {
    400: "The body, the query or a header is invalid; `errors` lists every fault. Nothing was accepted.",
    401: "No API key, or none that is valid now.",
    403: "The key lacks the scope `events:write`, or may not send this type.",
    413: "The body is larger than 512 KiB.",
    415: "The Content-Type is none that is read; `Accept-Post` lists those.",
    429: "Over the key's rate; `Retry-After` says when to come back.",
    503: "The queue did not confirm, or too much waits for it. Repeat the request after `Retry-After`.",
}


def schemas() -> dict[str, Any]:
    """Return the component schemas that `paths` refers to."""
    made = msgspec.json.schema_components((Posted, Accepted, AcceptedBatch, Problem), ref_template=_REF)[1]
    fields = made["Posted"]["properties"]
    for name, rule in RULES.items():
        fields[name]["description"] = rule
    fields["data"]["description"] = f"Any JSON, at most {MAX_DATA_DEPTH} levels deep; read back byte for byte."
    fields["inbox"] |= {"pattern": f"^{INBOX_PATTERN.pattern}$", "default": DEFAULT_INBOX}
    fields["source"] |= {"format": "uri-reference", "default": DEFAULT_SOURCE}
    fields["time"]["format"] = "date-time"
    return made


def paths() -> dict[str, Any]:
    """Return the path items."""
    return {PATH: {"post": _post_events()}}


def _post_events() -> dict[str, Any]:
    return {
        "operationId": "PostEvents",
        "tags": ["events"],
        "summary": "Post events",
        "description": "202 means that the queue holds them all. Reading them back takes about a second more.",
        "security": [{"bearer": []}, {"header": []}],
        "parameters": [
            _parameter("query", "inbox", "The inbox for events that name none.", "orders"),
            _parameter("header", "Idempotency-Key", "Stands in for missing ids; quoted or bare.", '"order-1042"'),
            _parameter("header", "X-Request-ID", "Comes back in the answer, and is in the log.", "req-1"),
        ],
        "requestBody": {"required": True, "content": {media_type: _body() for media_type in READERS}},
        "responses": {"202": _accepted()}
        | {str(status): _refusal(status, description) for status, description in _REFUSALS.items()},
    }


def _parameter(where: str, name: str, description: str, example: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"in": where, "name": name, "description": description, "schema": schema, "example": example}


def _body() -> dict[str, Any]:
    event = {"$ref": _REF.format(name="Posted")}
    batch = {"type": "array", "items": event, "minItems": 1, "maxItems": MAX_EVENTS_PER_REQUEST}
    examples = {"one": {"value": _EVENT}, "batch": {"value": [_EVENT, {"type": "order.paid"}]}}
    return {"schema": {"oneOf": [event, batch]}, "examples": examples}


def _accepted() -> dict[str, Any]:
    schema = {"oneOf": [{"$ref": _REF.format(name=cls.__name__)} for cls in (Accepted, AcceptedBatch)]}
    examples = {"one": {"value": _ACCEPTED}, "batch": {"value": {"accepted": 1, "events": [_ACCEPTED]}}}
    return {
        "description": "Accepted: the queue holds every event.",
        "headers": {
            "Location": {"description": "Where a single event can be read.", "schema": {"type": "string"}},
            "RateLimit": {"description": "What is left of the key's limit.", "schema": {"type": "string"}},
        },
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }


def _refusal(status: int, description: str) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": description,
        "instance": "urn:triggers:request:req-1",
    }
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}, "example": example}}
    return {"description": description, "content": content}
