"""`POST /v1/events`: the path of every event into the queue, kept short for speed."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import asgi
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ingest.formats.fields import MAX_TEXT_LENGTH, RULES, Inbox
from ingest.formats.json import Batch, RequestDefaults
from ingest.formats.registry import reader_of
from ingest.load_shedding import LoadShedder
from ingest.publisher import Publisher
from ingest.request_body import read_content
from ingest.trace_context import Trace, trace_of
from shared.clock import Clock, rfc3339
from shared.model.api_key import EVENTS_WRITE, ApiKey
from shared.model.errors import Fault, Forbidden, InvalidRequest
from shared.model.event import DEFAULT_INBOX, Event
from shared.model.position import Minter
from shared.telemetry.catalog import Metrics
from shared.web.admission import Admission
from shared.web.auth import access_of
from shared.web.context import context_of
from shared.web.event_path import COLLECTION, location_of
from shared.web.query import parse_query

PATH = COLLECTION

_METHODS = "DELETE, GET, HEAD, OPTIONS, POST"
"""Those of the path, of which GET may be served by another process (`shared.web.event_path`)."""

# A structured-field string (RFC 8941: quotes and backslashes are escaped), or the same without quotes.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_ESCAPED = re.compile(r"\\(.)")

_PARAMETERS = {"inbox": Inbox}

_encoder = msgspec.json.Encoder()


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one event: its identity, and the receipt of this acceptance."""

    id: str
    source: str
    inbox: str
    receipt: str


class AcceptedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for a batch, in the order of the request."""

    accepted: int
    events: list[Accepted]


class Events:
    """The handler, as a raw ASGI app: Litestar costs it 11 µs per request, and a normal handler 66.

    `publisher` is called for each request, since it is opened after the handler is built.
    """

    def __init__(
        self, publisher: Callable[[], Publisher], load_shedder: LoadShedder, clock: Clock, metrics: Metrics
    ) -> None:
        self._publisher = publisher
        self._clock = clock
        self._minter = Minter(clock)
        self._load_shedder = load_shedder
        self._accepted = metrics.events_accepted.of()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises every error of `shared.model.errors` that a request can cause."""
        self._load_shedder.arrive()
        access = access_of(scope)
        key = await access.authenticate(scope, EVENTS_WRITE)
        self._load_shedder.enter(key.key_id)
        try:
            batch = await self._accept(scope, receive, key, await access.admit(scope, key))
        finally:
            self._load_shedder.leave(key.key_id)
        self._accepted.add(len(batch.events))
        await _answer(batch, send)

    async def _accept(self, scope: Scope, receive: Receive, key: ApiKey, admission: Admission) -> Batch:
        """Read the events of a request, and return them once the queue holds them."""
        headers = context_of(scope).headers
        trace = trace_of(headers)
        defaults = self._defaults(headers, scope["query_string"], trace)
        reader = reader_of(headers, scope["headers"])
        batch = reader(await read_content(scope, receive), defaults)
        _check_types(key, batch.events)
        await admission.settle(len(batch.events))
        if batch.events:
            await self._publisher().publish(key.tenant, key.key_id, batch.events, trace.parent if trace else None)
        return batch

    def _defaults(self, headers: Mapping[bytes, bytes], query: bytes, trace: Trace | None) -> RequestDefaults:
        idempotency_key = headers.get(b"idempotency-key")
        return RequestDefaults(
            mint=self._minter.mint,
            time=rfc3339(self._clock.wall_ms()),
            inbox=parse_query(query, _PARAMETERS, RULES).get("inbox", DEFAULT_INBOX) if query else DEFAULT_INBOX,
            idempotency_key=None if idempotency_key is None else parse_idempotency_key(idempotency_key),
            trace=trace,
        )


def handler(events: Events) -> ASGIRouteHandler:
    """Return the handler for what reaches Litestar: other methods, and POSTs to other spellings of the path."""

    @asgi(PATH, copy_scope=False)
    async def post_events(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", _METHODS.encode())]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        if scope.get("method") != "POST":
            raise MethodNotAllowedException(headers={"Allow": _METHODS})
        await events(scope, receive, send)

    return post_events


def parse_idempotency_key(value: bytes) -> str:
    """Return the key in the header's value; raise `InvalidRequest` unless it has 1 to 255 characters."""
    text = value.decode("latin-1").strip()
    if quoted := _QUOTED.fullmatch(text):
        key = _ESCAPED.sub(r"\1", quoted[1])
    else:
        key = text if _BARE.fullmatch(text) and not text.startswith('"') else ""
    if not key or len(text) > MAX_TEXT_LENGTH:
        detail = "Idempotency-Key must be 1 to 255 printable ASCII characters, quoted or unquoted."
        raise InvalidRequest("The Idempotency-Key is invalid.", [Fault(detail=detail)])
    return key


def _check_types(key: ApiKey, events: list[Event]) -> None:
    if key.types and not all(key.may(event.type) for event in events):
        raise Forbidden(f"The API key may send only events of type {', '.join(key.types)}.")


async def _answer(batch: Batch, send: Send) -> None:
    accepted = [
        Accepted(id=event.id, source=event.source, inbox=event.inbox, receipt=event.receipt) for event in batch.events
    ]
    answer: Any = accepted[0] if batch.single else AcceptedBatch(accepted=len(accepted), events=accepted)
    body = _encoder.encode(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if batch.single:
        headers.append((b"location", _location_of(accepted[0]).encode()))
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _location_of(event: Accepted) -> str:
    path = f"{PATH}/{event.id}" if event.id == event.receipt else location_of(event.id)
    return f"{path}{'&' if '?' in path else '?'}source={_quoted(event.source)}&inbox={event.inbox}"


@lru_cache(maxsize=1024)  # producers have few sources
def _quoted(source: str) -> str:
    return quote(source, safe="/")
