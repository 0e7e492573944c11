"""The inbox app with in-memory services and API keys."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache

import httpx
from litestar import Litestar

from shared.memory.backend import MemoryBackend
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key
from shared.model.api_key import ApiKey
from shared.model.errors import Unavailable
from shared.model.event import Identity
from shared.model.position import Minter
from shared.model.records import Guard, Place, StoredEvent
from shared.settings import Settings
from tests.manual import START_MS, ManualClock
from tests.serving import client_of, serving
from worker.inbox import app

TENANT = "a#b"
_KEYS = {
    "a#b": (TENANT, api_key.INBOX_READ, ()),
    "a/b": ("a/b", api_key.INBOX_READ, ()),
    "writer": (TENANT, api_key.EVENTS_WRITE, ()),
    "orders only": (TENANT, api_key.INBOX_READ, ("order.*",)),
    "any type": (TENANT, api_key.INBOX_READ, ("order.*", "*")),
}


@cache
def _made() -> dict[str, tuple[ApiKey, str]]:
    """Return the keys and their tokens; cached, since bcrypt is slow."""
    return {
        name: api_key.create(tenant=tenant, name="test", scopes=[scope], types=types, now_ms=START_MS, burst=100)
        for name, (tenant, scope, types) in _KEYS.items()
    }


class Earlier(ManualClock):
    """A clock ten seconds behind: positions it mints have already settled."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def wall_ms(self) -> int:
        return self._clock.wall_ms() - 10_000


class Store(MemoryStore):
    """A table that may be down."""

    down = False

    async def ready(self) -> None:
        if self.down:
            raise Unavailable("no table")


class Served:
    """The app, its clients by the names of their keys, and what it serves."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = Store(self.clock)
        self.bodies = MemoryBodies()
        self.keys = MemoryKeyStore()
        self.tokens: dict[str, str] = {}
        self.minter = Minter(Earlier(self.clock))
        self.app: Litestar = app.create_app(
            Settings(),
            backend=MemoryBackend(self.clock, store=self.store, bodies=self.bodies, keys=self.keys),
            clock=self.clock,
        )
        self.http = client_of(self.app)

    async def get(
        self,
        path: str,
        *,
        key: str = TENANT,
        headers: Mapping[str, str] = {},
        **params: str | int | list[str],
    ) -> httpx.Response:
        """Send a request with a key; lists in `params` become repeated parameters."""
        # Without the headers that httpx adds by default.
        plain = {"authorization": f"Bearer {self.tokens[key]}", "accept": "*/*", "accept-encoding": "identity"}
        return await self.http.get(path, params=params or None, headers={**plain, **headers})

    async def put(self, *ids: str, kind: str = "t", inbox: str = "default", data: bytes = b"[1.0, 1e99]") -> list[str]:
        """Store events as the worker does; they were accepted ten seconds ago."""
        positions = []
        for id_ in ids:
            event = self.event(id_, kind=kind, inbox=inbox, data=data)
            await self.store.insert_events([event])
            await self.store.insert_guards([self.guard(id_, event)])
            positions.append(event.place.position)
        return positions

    def event(self, id_: str, *, kind: str = "t", inbox: str = "default", data: bytes = b"1") -> StoredEvent:
        body = b'{"specversion":"1.0","id":"%b","source":"/s","type":"%b","data":%b}'
        return StoredEvent(
            place=Place(TENANT, inbox, self.minter.mint()),
            type=kind,
            body=body % (id_.encode(), kind.encode(), data),
            accepted_at=self.clock.wall_ms() - 10_005,
            expires_at=START_MS // 1000 + 1000,
        )

    def guard(self, id_: str, event: StoredEvent) -> Guard:
        return Guard(
            identity=Identity(TENANT, event.place.inbox, "/s", id_),
            receipt=self.minter.mint(),
            position=event.place.position,
            accepted_at=event.accepted_at,
            digest="",
            expires_at=START_MS // 1000 + 1000,
        )


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    """Serve the app until the end of the context."""
    world = Served()
    for name, (key, token) in _made().items():
        world.tokens[name] = token
        await world.keys.put(key)
    async with serving(world.app), world.http:
        yield world
