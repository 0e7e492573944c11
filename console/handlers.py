"""`GET /v1/queue`, `GET /v1/dlq` and `POST /v1/dlq/redrive`, for keys with the scope `operate`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from console.queues import MAX_DEAD_LETTERS, OperatorQueues
from shared.model.api_key import OPERATE
from shared.model.errors import Fault, InvalidRequest, Rejected, UnsupportedMedia
from shared.web.auth import access_of, needs
from shared.web.body import read_body
from shared.web.context import context_of

QUEUE_PATH = "/v1/queue"
DLQ_PATH = "/v1/dlq"
REDRIVE_PATH = "/v1/dlq/redrive"

MAX_ID_LENGTH = 128
"""The limit of a message id in characters; the ids of SQS are UUIDs."""

MAX_BODY_BYTES = 64 * 1024
_JSON = "application/json"
_RULE = f"The body must be a JSON object whose only member is `ids`, an array of 1 to {MAX_DEAD_LETTERS} message ids."
_HEADERS = {"Cache-Control": "no-store"}

_AnyRequest = Request[Any, Any, Any]


class Redrive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a redrive: the dead letters to send again."""

    ids: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]],
        Meta(min_length=1, max_length=MAX_DEAD_LETTERS),
    ]


_decoder = msgspec.json.Decoder(Redrive)


def handlers(queues: Callable[[], Awaitable[OperatorQueues]]) -> list[HTTPRouteHandler]:
    """Return the handlers; each request calls `queues`."""

    @get(QUEUE_PATH, guards=[needs(OPERATE)], include_in_schema=False)
    async def read_queue() -> Response[bytes]:
        return _answer(await (await queues()).counts())

    @get(DLQ_PATH, guards=[needs(OPERATE)], include_in_schema=False)
    async def read_dlq() -> Response[bytes]:
        return _answer(await (await queues()).list_dead_letters())

    @post(REDRIVE_PATH, status_code=200, include_in_schema=False)
    async def redrive(request: _AnyRequest) -> Response[bytes]:
        scope = request.scope
        access = access_of(scope)
        key = await access.authenticate(scope, OPERATE)
        try:
            ids = list(dict.fromkeys(await _ids_of(request)))
        except Rejected:
            await access.charge(scope, key, 1)
            raise
        # A redriven message costs the queue and the table as much as a request with events.
        await access.charge(scope, key, len(ids))
        context_of(scope).events = len(ids)
        return _answer(await (await queues()).redrive(ids))

    return [read_queue, read_dlq, redrive]


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
        raise InvalidRequest("The redrive is invalid. Nothing was moved.", [Fault(detail=_RULE, pointer="")]) from None
