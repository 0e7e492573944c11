"""`GET /v1/key`: what the API key of the request may do, so that a client can offer only that."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

from shared.model.api_key import ApiKey
from shared.web.auth import needs

KEY_PATH = "/v1/key"


class OwnKey(msgspec.Struct, frozen=True, kw_only=True):
    """The public part of a key's record. `types` limits the key to some event types, not if it is empty."""

    key_id: str
    tenant: str
    name: str
    scopes: tuple[str, ...]
    types: tuple[str, ...]
    rate: int
    burst: int
    expires_at: datetime | None


def handler() -> HTTPRouteHandler:
    """Return the handler, which every service has."""

    @get(KEY_PATH, guards=[needs(None)], include_in_schema=False)
    async def read_key(request: Request[Any, Any, Any]) -> Response[bytes]:
        content = msgspec.json.encode(_described(request.auth))
        return Response(content, media_type=MediaType.JSON, headers={"Cache-Control": "no-store"})

    return read_key


def _described(key: ApiKey) -> OwnKey:
    expires_at = None if key.expires_at is None else datetime.fromtimestamp(key.expires_at / 1000, UTC)
    return OwnKey(
        key_id=key.key_id,
        tenant=key.tenant,
        name=key.name,
        scopes=key.scopes,
        types=key.types,
        rate=key.rate,
        burst=key.burst,
        expires_at=expires_at,
    )
