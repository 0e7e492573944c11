"""The ingest app with queue and keys in memory, and a client for it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
from litestar import Litestar

from ingest.app import create_app
from shared.clock import Clock, SystemClock
from shared.memory.backend import MemoryBackend
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key, pack
from shared.model.event import Event
from shared.model.pack import EventPack
from shared.model.records import Outcome
from shared.ports import Outgoing
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from tests.manual import DownableQueue, StillClock
from tests.serving import client_of

Content = bytes | AsyncIterator[bytes]
JSON = {"content-type": "application/json"}


class Queue(DownableQueue):
    """Holds messages until it is `open`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        await self.open.wait()
        return await super().send(messages)

    @property
    def events(self) -> list[Event]:
        packs = map(pack.decode, self.bodies)
        return [event for each in packs if isinstance(each, EventPack) for event in each.events]


class World:
    def __init__(self, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self.queue = Queue(SystemClock())
        self.store = MemoryKeyStore()
        self.metrics = Metrics()
        self.app: Litestar = create_app(
            settings or Settings(),
            backend=MemoryBackend(queue=self.queue, keys=self.store),
            clock=clock or StillClock(),
            metrics=self.metrics,
        )
        self.client = client_of(self.app)

    async def token(self, **changes: object) -> str:
        fields: dict[str, object] = {"tenant": "a#b", "name": "n", "scopes": [api_key.EVENTS_WRITE]}
        key, token = api_key.create(**(fields | changes), now_ms=SystemClock().wall_ms())  # type: ignore[arg-type]
        await self.store.put(key)
        return token

    async def post(self, content: Content, path: str = "/v1/events", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=content, headers=JSON | named)


def check_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= problem.keys()
    assert problem["status"] == status
    assert problem["instance"].endswith(answer.headers["x-request-id"])
    return problem
