"""`GET /v1/queue` and `/v1/dlq`, for operators.

Keys with the scope `operate` count messages, list dead letters and redrive them. To open and to drop them takes the
scope `dlq:admin`: this reveals or destroys what tenants sent.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from console.queues import MAX_DEAD_LETTERS, OperatorQueues
from shared.model.api_key import DLQ_ADMIN, OPERATE
from shared.model.errors import Fault, InvalidRequest, Rejected, UnsupportedMedia
from shared.web.auth import access_of, needs
from shared.web.body import read_body
from shared.web.context import context_of

QUEUE_PATH = "/v1/queue"
DLQ_PATH = "/v1/dlq"
MESSAGE_PATH = "/v1/dlq/{message_id:str}"
REDRIVE_PATH = "/v1/dlq/redrive"
DROP_PATH = "/v1/dlq/drop"

MAX_ID_LENGTH = 128
"""The limit of a message id in characters; the ids of SQS are UUIDs."""

MAX_BODY_BYTES = 64 * 1024
_JSON = "application/json"
_FREE_BYTES = 64 * 1024
"""An opened dead letter costs one token more for each 64 KiB, as a page of an inbox does."""
_RULE = f"The body must be a JSON object whose only member is `ids`, an array of 1 to {MAX_DEAD_LETTERS} message ids."
_HEADERS = {"Cache-Control": "no-store"}

_AnyRequest = Request[Any, Any, Any]


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a redrive or a drop: the dead letters that it concerns."""

    ids: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]],
        Meta(min_length=1, max_length=MAX_DEAD_LETTERS),
    ]


_decoder = msgspec.json.Decoder(Selection)


def handlers(queues: Callable[[], Awaitable[OperatorQueues]]) -> list[HTTPRouteHandler]:
    """Return the handlers; each request calls `queues`."""

    @get(QUEUE_PATH, guards=[needs(OPERATE)], include_in_schema=False)
    async def read_queue() -> Response[bytes]:
        return _answer(await (await queues()).counts())

    @get(DLQ_PATH, guards=[needs(OPERATE)], include_in_schema=False)
    async def read_dlq() -> Response[bytes]:
        return _answer(await (await queues()).list_dead_letters())

    @get(MESSAGE_PATH, guards=[needs(DLQ_ADMIN)], include_in_schema=False)
    async def open_dead_letter(request: _AnyRequest) -> Response[bytes]:
        opened = await (await queues()).open_dead_letter(request.path_params["message_id"])
        size = sum(len(bytes(event)) for event in opened.payloads) + len(bytes(opened.text))
        if size >= _FREE_BYTES:
            access_of(request.scope).owe(request.scope, request.auth, size // _FREE_BYTES)
        return _answer(opened)

    @post(REDRIVE_PATH, status_code=200, include_in_schema=False)
    async def redrive(request: _AnyRequest) -> Response[bytes]:
        # A redriven message costs the queue and the table as much as a request with events.
        ids = await _charged_ids(request, OPERATE)
        return _answer(await (await queues()).redrive(ids))

    @post(DROP_PATH, status_code=200, include_in_schema=False)
    async def drop(request: _AnyRequest) -> Response[bytes]:
        ids = await _charged_ids(request, DLQ_ADMIN)
        return _answer(await (await queues()).drop(ids))

    return [read_queue, read_dlq, open_dead_letter, redrive, drop]


async def _charged_ids(request: _AnyRequest, needed: str) -> list[str]:
    """Return the distinct ids in the body, each of which costs the key 1; the key has the scope `needed`."""
    access = access_of(request.scope)
    key = await access.authenticate(request.scope, needed)
    try:
        ids = list(dict.fromkeys(await _ids_of(request)))
    except Rejected:
        await access.charge(request.scope, key, 1)
        raise
    await access.charge(request.scope, key, len(ids))
    context_of(request.scope).events = len(ids)
    return ids


def _answer(content: msgspec.Struct) -> Response[bytes]:
    return Response(msgspec.json.encode(content), media_type=MediaType.JSON, status_code=200, headers=_HEADERS)


async def _ids_of(request: _AnyRequest) -> list[str]:
    given = context_of(request.scope).headers
    if given.get(b"content-type", b"").partition(b";")[0].strip().lower() != _JSON.encode():
        raise UnsupportedMedia(f"The Content-Type is not {_JSON}.", (_JSON,))
    if given.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise UnsupportedMedia("The body must not have a Content-Encoding.", codings=("identity",))
    body = await read_body(request.scope, request.receive, MAX_BODY_BYTES)
    try:
        return _decoder.decode(body.decode()).ids
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest(
            "The request is invalid. Nothing was changed.", [Fault(detail=_RULE, pointer="")]
        ) from None
