"""OpenAPI for request bodies: each media type with its schema and examples."""

from typing import Any

import msgspec

from ingest.acks import MAX_POSITIONS, AcceptedCount
from ingest.events import Accepted, AcceptedBatch
from ingest.formats.attributes import PATTERNS, REQUIRED
from ingest.formats.attributes import RULES as ATTRIBUTE_RULES
from ingest.formats.fields import MAX_TEXT_LENGTH, RULES, SOURCE_PATTERN, PostedEvent
from openapi.describing import ref
from shared.model.event import (
    DEFAULT_INBOX,
    DEFAULT_SOURCE,
    INBOX_PATTERN,
    MAX_DATA_DEPTH,
    MAX_EVENTS_PER_REQUEST,
    TEXT_CHARACTER,
)
from shared.model.position import PATTERN
from shared.web.problems import Problem


def _documented(pattern: str) -> str:
    """Return one of our patterns in the syntax of JSON Schema."""
    return pattern.replace(r"\A", "^").replace(r"\Z", "$")


SOURCE = {"minLength": 1, "maxLength": MAX_TEXT_LENGTH, "pattern": _documented(SOURCE_PATTERN)}
TEXT = {"minLength": 1, "maxLength": MAX_TEXT_LENGTH, "pattern": f"^{TEXT_CHARACTER}+$"}
POSITION = "0199c0de-1f2e-7a3b-8c4d-5e6f708192a3"
ACKS = {"inbox": DEFAULT_INBOX, "positions": [POSITION]}
ACCEPTED = {
    "id": "order-1042",
    "source": "/shop",
    "inbox": DEFAULT_INBOX,
    "receipt": "019aab6f-6a00-7000-8000-6f0e5b1c2d3e",
}

OTHER_CONTENT = "x-other-content"
"""The member of a request body with media types that `content` does not have."""

_REF = "#/components/schemas/{name}"
_EVENT = {
    "type": "order.created",
    "source": "/shop",
    "id": "order-1042",
    "data": {"order": 1042, "total": "19.90"},
}
_SECOND = {"type": "order.paid"}
_CLOUDEVENT = {
    "specversion": "1.0",
    "id": "order-1042",
    "source": "https://shop.example/orders",
    "type": "order.created",
    "time": "2026-11-22T17:03:11.042Z",
    "datacontenttype": "application/json",
    "tier": "gold",
    "inbox": "orders",
    "data": {"order": 1042, "total": "19.90"},
}
_BYTES = {
    "specversion": "1.0",
    "id": "label-7",
    "source": "/printer",
    "type": "label.printed",
    "datacontenttype": "image/png",
    "data_base64": "iVBORw0KGgo=",
}
_DATA = f"Any JSON, at most {MAX_DATA_DEPTH} levels deep; returned byte for byte."
_INBOX = {"pattern": f"^{INBOX_PATTERN.pattern}$", "default": DEFAULT_INBOX}


def schemas() -> dict[str, Any]:
    """Return the component schemas that `ref` can refer to."""
    made = msgspec.json.schema_components(
        (PostedEvent, Accepted, AcceptedBatch, AcceptedCount, Problem), ref_template=_REF
    )[1]
    fields = made["PostedEvent"]["properties"]
    for name, rule in RULES.items():
        fields[name]["description"] = rule
    for name in ("id", "type", "subject"):
        fields[name] |= TEXT
    fields["data"]["description"] = _DATA
    fields["inbox"] |= _INBOX
    fields["source"] |= SOURCE | {"default": DEFAULT_SOURCE}
    fields["time"]["format"] = "date-time"
    made["PostedEvent"]["description"] = (
        "An event in the envelope of this API. If a name occurs twice, the last value counts."
    )
    return made | {"CloudEvent": _cloudevent(), "Acks": _acks()}


def content() -> dict[str, Any]:
    """Return the usual body of `POST /v1/events`."""
    one = ref("PostedEvent")
    return {
        "application/json": {
            "schema": {"oneOf": [one, _many(one)]},
            "examples": {"one": {"value": _EVENT}, "batch": {"value": [_EVENT, _SECOND]}},
        }
    }


def other_content() -> dict[str, Any]:
    """Return the other bodies by media type; `*/*` represents the binary mode of CloudEvents."""
    cloud = ref("CloudEvent")
    lines = "\n".join(msgspec.json.encode(event).decode() for event in (_EVENT, _SECOND))
    binary = "CloudEvents in binary mode: the attributes are `ce-*` headers, and the body is the data."
    return {
        "application/cloudevents+json": {
            "schema": cloud,
            "examples": {"json": {"value": _CLOUDEVENT}, "bytes": {"value": _BYTES}},
        },
        "application/cloudevents-batch+json": {
            "schema": _many(cloud, least=0),
            "examples": {"batch": {"value": [_CLOUDEVENT, _BYTES]}},
        },
        "application/x-ndjson": {
            "schema": {
                "type": "string",
                "format": "ndjson",
                "description": "One event per line, as in `application/json`; blank lines are ignored.",
            },
            "examples": {"lines": {"value": f"{lines}\n"}},
        },
        "*/*": {"schema": {"description": binary}, "examples": {"text": {"value": "Hello."}}},
    }


def _many(event: dict[str, str], *, least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": event, "minItems": least, "maxItems": MAX_EVENTS_PER_REQUEST}


def _cloudevent() -> dict[str, Any]:
    names = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "inbox", "data_base64")
    text: dict[str, dict[str, Any]] = {
        # Null means not given, so only optional attributes may be null.
        name: {"type": "string" if name in REQUIRED else ["string", "null"], "description": ATTRIBUTE_RULES[name]}
        for name in names
    }
    for name in ("id", "type", "subject"):
        text[name] |= TEXT
    text["source"] |= SOURCE
    for name, pattern in PATTERNS.items():
        text[name]["pattern"] = _documented(pattern)
    text["time"]["format"] = "date-time"
    text["data_base64"]["contentEncoding"] = "base64"
    text["inbox"] |= _INBOX
    extension = {
        "type": ["string", "boolean", "integer", "null"],
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
        "pattern": f"^{TEXT_CHARACTER}*$",
    }
    return {
        "title": "CloudEvent",
        "type": "object",
        "description": (
            "A CloudEvents 1.0 event. Every attribute and extension is returned as it was posted. `data` and"
            " `data_base64` are mutually exclusive. `receivedat`, `deliveredat` and `position`, which an inbox"
            " adds to events, are accepted and dropped; values of another form are refused."
        ),
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            **text,
            "data": {"description": _DATA},
        },
        "patternProperties": {"^(?!data$)[a-z0-9]{1,255}$": extension},
        "additionalProperties": False,
        "not": {"required": ["data", "data_base64"]},
    }


def _acks() -> dict[str, Any]:
    position = {
        "type": "string",
        "format": "uuid",
        "pattern": PATTERN,
        "description": "A position, as returned by an inbox.",
    }
    return {
        "title": "Acks",
        "type": "object",
        "required": ["positions"],
        "properties": {
            "inbox": {"type": "string", "description": RULES["inbox"], **_INBOX},
            "positions": {"type": "array", "items": position, "minItems": 1, "maxItems": MAX_POSITIONS},
        },
        "additionalProperties": False,
    }
