"""The console on the in-memory backend, with keys and dead letters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import httpx
import msgspec

from console import app
from shared.clock import SystemClock
from shared.memory.backend import MemoryBackend
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key, pack
from shared.model.api_key import ApiKey
from shared.model.event import Event
from shared.model.pack import EventPack
from shared.ports import Message, Outgoing
from shared.settings import Settings
from tests.manual import DownableQueue
from tests.serving import client_of, serving

_KEYS = {"operator": [api_key.OPERATE], "tenant": api_key.DEFAULT_SCOPES}


@cache
def _made() -> dict[str, tuple[ApiKey, str]]:
    """Return the keys and their tokens; cached, because bcrypt is slow."""
    now_ms = SystemClock().wall_ms()
    return {
        name: api_key.create(tenant="t", name=name, scopes=scopes, now_ms=now_ms, burst=1000, bcrypt_cost=4)
        for name, scopes in _KEYS.items()
    }


class Queue(DownableQueue):
    """Counts receives."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.receives = 0

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        assert wait_seconds  # a short poll of SQS queries only some of its servers
        self.receives += 1
        return await super().receive(limit=limit, wait_seconds=0, visibility_seconds=visibility_seconds)


class Served:
    """The app, a client of it, and its queues."""

    def __init__(self) -> None:
        self.queue, self.dlq = Queue(), Queue()
        self.keys = MemoryKeyStore()
        self.app = app.create_app(Settings(), backend=MemoryBackend(queue=self.queue, dlq=self.dlq, keys=self.keys))
        self.http = client_of(self.app)

    async def get(self, path: str, *, key: str = "operator") -> httpx.Response:
        return await self.http.get(path, headers=_of(key))

    async def redrive(
        self, content: object, *, key: str = "operator", content_type: str = "application/json", **headers: str
    ) -> httpx.Response:
        body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        named = {"content-type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post("/v1/dlq/redrive", content=body, headers=_of(key) | named)

    async def bury(self, *ids: str, reason: str = "the store refuses the event") -> None:
        """Put events into the DLQ, one message each."""
        for id_ in ids:
            await self.dlq.send([Outgoing(body=dead_letter(id_), attributes={"reason": reason})])


def dead_letter(event_id: str, accepted_at: int = 1000) -> str:
    body = msgspec.Raw(b'{"specversion":"1.0","data":"secret"}')
    event = Event(receipt="r", id=event_id, source="/s", inbox="i", type="t", body=body)
    return pack.encode(EventPack(tenant="acme", key_id="k1", accepted_at=accepted_at, events=[event]))


def _of(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {_made()[key][1]}"}


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    """Serve the app until the end of the context."""
    world = Served()
    for key, _ in _made().values():
        await world.keys.put(key)
    async with serving(world.app), world.http:
        yield world
