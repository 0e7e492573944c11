"""`GET /v1/inboxes`: the inboxes of the key's tenant, by name."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from shared.model.api_key import INBOX_READ, ApiKey
from shared.model.event import INBOX_PATTERN
from shared.ports import EventReader
from shared.web.auth import needs
from shared.web.query import Query
from worker.reading.responses import answer, preferences_of

INBOXES_PATH = "/v1/inboxes"
MAX_INBOXES = 1000
DEFAULT_LIMIT = 100

_JSON = "application/json"
_MAX_DIGITS = 4


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One inbox."""

    inbox: str


class InboxList(msgspec.Struct, frozen=True, kw_only=True):
    """Some inboxes, ordered by name, and whether others follow after the last of them."""

    inboxes: list[Listed]
    more: bool


def inboxes_handler(reader: Callable[[], EventReader]) -> HTTPRouteHandler:
    """Return the handler; each request calls `reader`."""

    @get(INBOXES_PATH, guards=[needs(INBOX_READ)], include_in_schema=False)
    async def read_inboxes(request: Request[Any, Any, Any]) -> Response[bytes]:
        after, limit = _parse(request.scope["query_string"])
        key: ApiKey = request.auth
        names = await reader().list_inboxes(key.tenant, after=after, limit=limit + 1)
        content = InboxList(inboxes=[Listed(inbox=name) for name in names[:limit]], more=len(names) > limit)
        return await answer(msgspec.json.encode(content), _JSON, preferences_of(request.scope))

    return read_inboxes


def _parse(query_string: bytes) -> tuple[str, int]:
    """Return `after` and `limit`; raise `InvalidRequest` with all faults."""
    query = Query(query_string, ("after", "limit"))
    after, limit = query.first("after", ""), query.first("limit", str(DEFAULT_LIMIT))
    if query.all("after") and not INBOX_PATTERN.fullmatch(after):
        query.fault("after", f"`after` must match {INBOX_PATTERN.pattern}.")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= _MAX_DIGITS and 1 <= int(limit) <= MAX_INBOXES):
        query.fault("limit", f"`limit` must be a whole number from 1 to {MAX_INBOXES}.")
    query.check()
    return after, int(limit)
