"""`DELETE /v1/events/{id}`: an ack of one event by its identity, or with `erase=true` its end for good.

Like an ack it is the queue that takes it, and a worker that carries it out; it may be repeated at will.
"""

from collections.abc import Callable
from typing import Any, Literal

from litestar import Request, Response, delete
from litestar.handlers import HTTPRouteHandler

from ingest import query
from ingest.acks import answer
from ingest.formats.fields import RULES, Inbox, Source, is_text
from ingest.publisher import Publisher
from ingest.trace_context import trace_of
from shared.clock import Clock
from shared.model.api_key import INBOX_ACK, ApiKey
from shared.model.errors import Fault, Forbidden, InvalidRequest
from shared.model.event import DEFAULT_INBOX, DEFAULT_SOURCE
from shared.model.pack import Removal
from shared.model.position import Minter
from shared.web import event_path
from shared.web.auth import needs
from shared.web.context import context_of

PARAMETERS = {"source": Source, "inbox": Inbox, "erase": Literal["true", "false"]}


def handler(publisher: Callable[[], Publisher], clock: Clock) -> HTTPRouteHandler:
    """Return the handler."""
    minter = Minter(clock)

    @delete(event_path.TEMPLATE, guards=[needs(INBOX_ACK)], status_code=202, include_in_schema=False)
    async def delete_event(request: Request[Any, Any, Any]) -> Response[bytes]:
        key: ApiKey = request.auth
        # Which type the named event has is not known here. A position is known from reading, an id may be guessed.
        if key.types and "*" not in key.types:
            raise Forbidden("An API key that is limited to some types acks by position only: POST /v1/acks.")
        event_id = event_path.event_id_of(request.scope)
        if not is_text(event_id):
            raise InvalidRequest("The path is invalid.", [Fault(detail=RULES["id"], pointer="/id")])
        found = query.parse(request.scope["query_string"], PARAMETERS)
        pack = Removal(
            tenant=key.tenant,
            key_id=key.key_id,
            accepted_at=clock.wall_ms(),
            receipt=minter.mint(),
            inbox=found.get("inbox", DEFAULT_INBOX),
            source=found.get("source", DEFAULT_SOURCE),
            id=event_id,
            erase=found.get("erase") == "true",
        )
        line = context_of(request.scope)
        line.events = 1
        trace = trace_of(line.given)
        await publisher().publish_removal(pack, trace.parent if trace else None)
        return answer(1)

    return delete_event
