"""An app in memory, with an HTTP client and API keys."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
from litestar import Litestar

from console import app as console
from ingest import app as ingest
from shared.clock import Clock
from shared.memory.backend import MemoryBackend
from shared.memory.bodies import MemoryBodies
from shared.model import api_key
from shared.ports import Backend
from shared.service_time import Reading, ServiceTime
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import Part, build_app
from tests.fakes.clock import FakeClock
from tests.fakes.keys import FakeKeyStore
from tests.fakes.queue import FakeQueue
from tests.fakes.store import FakeStore
from tests.serving import client_of, serving
from worker.groups import app as groups
from worker.inbox import app as inbox

Content = bytes | AsyncIterator[bytes]
DEFAULT = "default"
"""The name of the key that requests use unless they name another."""


class AppWorld:
    """An app, its backend, a client without a key, and the tokens of `keys`, which are changes of `key`, by name."""

    def __init__(
        self,
        create_app: Callable[..., Litestar],
        settings: Settings | None = None,
        *,
        key: Mapping[str, object] = {},
        keys: Mapping[str, Mapping[str, object]] = {},
        metrics: Metrics | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.queue, self.dlq = FakeQueue(self.clock), FakeQueue(self.clock, answers_at_once=True)
        self.store, self.bodies, self.keys = FakeStore(self.clock), MemoryBodies(), FakeKeyStore()
        self.tokens: dict[str, str] = {}
        self.metrics = metrics or Metrics()
        self._key, self._keys = key, keys
        self.service_time = ServiceTime(limit_ms=50)
        self.backend = MemoryBackend(
            self.clock,
            queue=self.queue,
            dlq=self.dlq,
            store=self.store,
            bodies=self.bodies,
            keys=self.keys,
            service_time=self.service_time,
        )
        self.app = create_app(settings or Settings(), backend=self.backend, clock=self.clock, metrics=self.metrics)
        self.client = client_of(self.app)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serve the app until the end of the context."""
        for name, changes in self._keys.items():
            self.tokens[name] = await self.token(**changes)
        async with serving(self.app), self.client:
            yield self

    def date_answer(self, *, ahead_seconds: float = 0) -> None:
        """Let a service answer twice with dates that show that this process's clock is `ahead_seconds` ahead."""
        now = Reading.of(self.clock)
        resolution_ms = 2000 if ahead_seconds else 1000
        for _ in range(2):
            self.service_time.observe(now.wall_ms - round(ahead_seconds * 1000) - resolution_ms, now.monotonic_ms, now)

    async def token(self, **changes: object) -> str:
        """Add a key and return its token."""
        fields: dict[str, Any] = {"tenant": "t", "name": "n", "now_ms": self.clock.wall_ms(), "bcrypt_cost": 4}
        key, token = api_key.create(**{**fields, **self._key, **changes})
        await self.keys.put(key)
        return token

    async def get(
        self,
        path: str,
        *,
        key: str | None = DEFAULT,
        headers: Mapping[str, str] = {},
        **params: str | int | list[str],
    ) -> httpx.Response:
        """Send a GET request; lists in `params` become repeated parameters."""
        # Without the headers that httpx adds by default.
        plain = {"accept": "*/*", "accept-encoding": "identity"}
        return await self.client.get(path, params=params or None, headers={**plain, **self._with(key), **headers})

    async def post(
        self, content: Content, path: str = "/v1/events", *, key: str | None = DEFAULT, **headers: str
    ) -> httpx.Response:
        """Send a POST request, of JSON unless `content_type` says otherwise."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        json = {"content-type": "application/json"}
        return await self.client.post(path, content=content, headers={**json, **self._with(key), **named})

    def _with(self, key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[key]}"} if key else {}


def build_all(
    settings: Settings, *, backend: Backend, clock: Clock, metrics: Metrics, more: Sequence[Part] = ()
) -> Litestar:
    """Return an app with the parts of all APIs, and `more`."""
    parts = [
        ingest.part(settings, clock=clock, metrics=metrics),
        inbox.part(settings, clock=clock, metrics=metrics),
        groups.part(settings, clock=clock, metrics=metrics),
        console.part(settings, clock=clock),
        *more,
    ]
    return build_app(settings, parts, backend=backend, clock=clock, metrics=metrics)


def check_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check that `answer` is a complete problem with `status`, and return it."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= problem.keys()
    assert problem["status"] == status
    assert problem["instance"].endswith(answer.headers["x-request-id"])
    return problem
