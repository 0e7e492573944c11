"""OpenAPI of `GET /v1/key`."""

from collections.abc import Mapping
from typing import Any

from openapi.describing import REQUEST_ID, SECURITY, SENT, ref, refusals, sent
from shared.model.api_key import SCOPES
from shared.model.errors import Unavailable
from shared.web.own_key import KEY_PATH

_EXAMPLE = {
    "key_id": "k7q2mfz4ab",
    "tenant": "acme",
    "name": "checkout",
    "scopes": ["events:write", "inbox:read"],
    "types": ["order.*"],
    "rate": 1000,
    "burst": 2000,
    "expires_at": None,
}

PATHS: Mapping[str, Any] = {
    KEY_PATH: {
        "get": {
            "tags": ["keys"],
            "operationId": "readKey",
            "summary": "Describe the API key",
            "description": "What the key of the request may do. Needs no scope; costs 1 of the key's rate.",
            "security": SECURITY,
            "parameters": [REQUEST_ID],
            "responses": {
                "200": {
                    "description": "The key, without its secret",
                    "headers": SENT | {"Cache-Control": sent("The response must not be cached.", "no-store")},
                    "content": {"application/json": {"schema": ref("ApiKey"), "example": _EXAMPLE}},
                },
                **refusals((Unavailable("down"), "The key table does not respond.")),
            },
        }
    }
}


def _texts(description: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON schema
    return {"type": "array", "items": {"type": "string", **more}, "description": description}


_PROPERTIES: Mapping[str, Any] = {
    "key_id": {"type": "string", "description": "The public part of the key."},
    "tenant": {"type": "string", "description": "The tenant whose events the key sends and reads."},
    "name": {"type": "string", "description": "The purpose of the key."},
    "scopes": _texts("What the key may do.", enum=list(SCOPES)),
    "types": _texts("The event types that it may send and read; all if empty."),
    "rate": {"type": "integer", "minimum": 1, "description": "Events per second."},
    "burst": {"type": "integer", "minimum": 1, "description": "Events at once."},
    "expires_at": {"type": ["string", "null"], "format": "date-time", "description": "Null if it does not expire."},
}

SCHEMAS: Mapping[str, Any] = {
    "ApiKey": {
        "title": "ApiKey",
        "type": "object",
        "required": list(_PROPERTIES),
        "properties": _PROPERTIES,
    }
}
