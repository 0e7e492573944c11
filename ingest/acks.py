"""`POST /v1/acks`: a consumer reports that it has handled the events at these positions.

Like an event, an ack is answered once the queue holds it; a worker applies it later. It may be repeated.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Raw

from ingest.formats.fields import RULES, Inbox
from ingest.formats.raw_json import duplicates, fields_of
from ingest.formats.validation import MAX_FAULTS, reason
from ingest.publisher import Publisher
from ingest.request_body import read_content
from ingest.trace_context import traceparent_of
from shared.clock import Clock
from shared.model.api_key import INBOX_ACK
from shared.model.errors import Fault, InvalidRequest, UnsupportedMedia, echo, pointer_to
from shared.model.event import DEFAULT_INBOX, MAX_EVENTS_PER_REQUEST
from shared.model.pack import AckPack
from shared.model.position import is_position
from shared.model.type_pattern import selects_all
from shared.web.auth import access_of
from shared.web.context import context_of

PATH = "/v1/acks"
MAX_POSITIONS = MAX_EVENTS_PER_REQUEST

_POSITION_RULE = "A position must be a UUIDv7, as returned by an inbox."
_COUNT_RULE = f"`positions` must be an array of 1 to {MAX_POSITIONS} positions."


class Acks(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request."""

    positions: Annotated[list[str], Meta(min_length=1, max_length=MAX_POSITIONS)]
    inbox: Inbox = DEFAULT_INBOX


class AcceptedCount(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: the number of acks that the queue holds."""

    accepted: int


_decoder = msgspec.json.Decoder(Acks)
_inbox = msgspec.json.Decoder(Inbox)
_positions = msgspec.json.Decoder(list[Raw])
_position = msgspec.json.Decoder(str)


def handler(publisher: Callable[[], Publisher], clock: Clock) -> HTTPRouteHandler:
    """Return the handler. Which events a key limited to types may ack is checked when they are found."""

    @post(PATH, status_code=202, include_in_schema=False)
    async def post_acks(request: Request[Any, Any, Any]) -> Response[bytes]:
        scope = request.scope
        access = access_of(scope)
        key = await access.authenticate(scope, INBOX_ACK)
        admission = await access.admit(scope, key)
        acks = read_acks(await _body(request))
        # Each ack costs the table about as much as an event.
        await admission.settle(len(acks.positions))
        pack = AckPack(
            tenant=key.tenant,
            key_id=key.key_id,
            accepted_at=clock.wall_ms(),
            inbox=acks.inbox,
            # A call to the table may name an item only once.
            positions=list(dict.fromkeys(acks.positions)),
            types=() if selects_all(key.types) else key.types,
        )
        await publisher().publish_removal(pack, traceparent_of(context_of(scope).headers))
        return answer(len(acks.positions))

    return post_acks


def answer(accepted: int) -> Response[bytes]:
    """Return the 202."""
    return Response(msgspec.json.encode(AcceptedCount(accepted=accepted)), media_type=MediaType.JSON, status_code=202)


async def _body(request: Request[Any, Any, Any]) -> bytes:
    given = context_of(request.scope).headers
    if given.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
        raise UnsupportedMedia("The Content-Type must be application/json.", ("application/json",))
    return await read_content(request.scope, request.receive)


def read_acks(body: bytes) -> Acks:
    """Return the acks in `body`; raise `InvalidRequest` with every fault."""
    try:
        body.decode()
        faults = list(islice(_faults(body, fields_of(body)), MAX_FAULTS))
    except msgspec.ValidationError:
        faults = [Fault(detail="The body must be a JSON object.", pointer="")]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest("The body cannot be parsed as JSON.", [Fault(detail=reason(body, error))]) from None
    if faults:
        raise InvalidRequest("The acks are invalid. None were accepted.", faults)
    return _decoder.decode(body)


def _faults(body: bytes, fields: dict[str, bytes]) -> Iterator[Fault]:
    for name in duplicates(body, fields):
        yield Fault(detail=f"`{echo(name)}` is given more than once.", pointer=pointer_to(name, ""))
    for name in fields:
        if name in Acks.__struct_fields__:
            continue
        yield Fault(detail=f"Unknown field `{echo(name)}`.", pointer=pointer_to(name, ""))
    if "inbox" in fields and not _is(_inbox, fields["inbox"]):
        yield Fault(detail=RULES["inbox"], pointer="/inbox")
    if "positions" not in fields:
        yield Fault(detail="`positions` is missing.", pointer="/positions")
        return
    try:
        positions = _positions.decode(fields["positions"])
    except msgspec.ValidationError:
        positions = []
    if not 1 <= len(positions) <= MAX_POSITIONS:
        yield Fault(detail=_COUNT_RULE, pointer="/positions")
        return
    for index, position in enumerate(positions):
        if not _is(_position, position) or not is_position(_position.decode(position)):
            yield Fault(detail=_POSITION_RULE, pointer=f"/positions/{index}")


def _is(decoder: "msgspec.json.Decoder[str]", value: bytes | Raw) -> bool:
    try:
        decoder.decode(value)
    except msgspec.ValidationError:
        return False
    return True
