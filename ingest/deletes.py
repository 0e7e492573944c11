"""`DELETE /v1/events/{id}`: acknowledges one event by its identity, or with `erase=true` removes its payload.

Like an ack, it is answered once the queue holds it; a worker applies it later. It may be repeated.
"""

from collections.abc import Callable
from typing import Any, Literal

from litestar import Request, Response, delete
from litestar.handlers import HTTPRouteHandler
from litestar.types import Scope

from ingest.acks import answer
from ingest.formats.fields import RULES, Inbox, Source, is_text
from ingest.publisher import Publisher
from ingest.trace_context import traceparent_of
from shared.clock import Clock
from shared.model.api_key import INBOX_ACK, ApiKey
from shared.model.errors import Fault, Forbidden, InvalidRequest
from shared.model.event import DEFAULT_INBOX, DEFAULT_SOURCE
from shared.model.pack import Removal
from shared.model.position import Minter
from shared.web import event_path
from shared.web.auth import access_of
from shared.web.context import context_of
from shared.web.query import parse_query

PARAMETERS = {"source": Source, "inbox": Inbox, "erase": Literal["true", "false"]}
_RULES = {**RULES, "erase": "`erase` must be true or false."}


def handler(publisher: Callable[[], Publisher], clock: Clock) -> HTTPRouteHandler:
    """Return the handler."""
    minter = Minter(clock)

    @delete(event_path.TEMPLATE, status_code=202, include_in_schema=False)
    async def delete_event(request: Request[Any, Any, Any]) -> Response[bytes]:
        scope = request.scope
        access = access_of(scope)
        key = await access.authenticate(scope, INBOX_ACK)
        await access.charge(scope, key, 1)
        context_of(scope).events = 1
        event_id, given = _read(scope, key)
        pack = Removal(
            tenant=key.tenant,
            key_id=key.key_id,
            accepted_at=clock.wall_ms(),
            receipt=minter.mint(),
            inbox=given.get("inbox", DEFAULT_INBOX),
            source=given.get("source", DEFAULT_SOURCE),
            id=event_id,
            erase=given.get("erase") == "true",
        )
        await publisher().publish_removal(pack, traceparent_of(context_of(scope).headers))
        return answer(1)

    return delete_event


def _read(scope: Scope, key: ApiKey) -> tuple[str, dict[str, str]]:
    """Return the event's id and the query's parameters; raise `Forbidden` or `InvalidRequest`."""
    # The event's type is not known here. A position is learned only by reading, but an id may be guessed.
    if key.types and "*" not in key.types:
        raise Forbidden("An API key limited to event types can acknowledge only by position: use POST /v1/acks.")
    event_id = event_path.event_id_of(scope)
    if not is_text(event_id):
        raise InvalidRequest("The path is invalid.", [Fault(detail=RULES["id"], pointer="/id")])
    return event_id, parse_query(scope["query_string"], PARAMETERS, _RULES)
