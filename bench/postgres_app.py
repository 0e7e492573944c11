"""The same POSTs stored in PostgreSQL: raw ASGI, msgspec, and one INSERT for all events of a POST.

Reads the address of the database from `BENCH_POSTGRES`, and the API key from `BENCH_API_KEY`. Events without an id get
one; an event whose identity is in the table is dropped, forever instead of for a window.
"""

import hashlib
import hmac
import os
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import asyncpg
import msgspec

from bench.plain_event import TENANT

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_CONNECTIONS = 20
_TABLE = """
    CREATE TABLE IF NOT EXISTS events (
        tenant text, inbox text, source text, id text, position bigserial, type text NOT NULL, body text NOT NULL,
        accepted_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (tenant, inbox, source, id)
    );
    CREATE INDEX IF NOT EXISTS events_in_order ON events (tenant, inbox, position);
"""
_INSERT = """
    INSERT INTO events (tenant, inbox, source, id, type, body)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    ON CONFLICT DO NOTHING
"""


class Event(msgspec.Struct, forbid_unknown_fields=True):
    """A posted event; `data` is not parsed."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    id: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    source: str = "/"
    inbox: str = "default"


_decoder = msgspec.json.Decoder(Event | list[Event])
_digest = hashlib.sha256(os.environ.get("BENCH_API_KEY", "").encode()).digest()


class App:
    """The application, and its connections to PostgreSQL while it runs."""

    def __init__(self) -> None:
        self._pool: Any = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._post(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._pool = await asyncpg.create_pool(
            os.environ["BENCH_POSTGRES"], min_size=_CONNECTIONS, max_size=_CONNECTIONS
        )
        await self._pool.execute(_TABLE)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _post(self, scope: Message, receive: Receive, send: Send) -> None:
        if not _is_known(dict(scope["headers"]).get(b"authorization", b"")):
            await _answer(send, 401, b"")
            return
        posted = _decoder.decode(await _body_of(receive))
        events = posted if isinstance(posted, list) else [posted]
        await self._pool.execute(
            _INSERT,
            TENANT,
            [event.inbox for event in events],
            [event.source for event in events],
            [event.id for event in events],
            [event.type for event in events],
            [bytes(event.data).decode() for event in events],
        )
        await _answer(send, 202, msgspec.json.encode({"events": [{"id": event.id} for event in events]}))


def _is_known(authorization: bytes) -> bool:
    token = authorization.removeprefix(b"Bearer ")
    return hmac.compare_digest(hashlib.sha256(token).digest(), _digest)


async def _body_of(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    return body


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = App()
