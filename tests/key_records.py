"""Records of unissued keys, as the key table holds them."""

import uuid

from shared.model.api_key import SCOPES, ApiKey


def a_key(key_id: str = "abcd", **changes: object) -> ApiKey:
    """Return a record; two with one id are equal but for `changes`."""
    fields: dict[str, object] = {
        "key_id": key_id,
        "tenant": "t",
        "name": "a name",
        "scopes": SCOPES,
        "secret_hash": "$2b$...",
        "created_at": 1,
        "rate": 100,
        "burst": 200,
    }
    return ApiKey(**(fields | changes))  # type: ignore[arg-type]


def a_new_key(**changes: object) -> ApiKey:
    """Return a record with an id of its own."""
    return a_key(uuid.uuid4().hex[:8], **changes)
