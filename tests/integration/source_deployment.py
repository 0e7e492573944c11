"""Ingest, inbox and worker on one data directory, for tests that deliver to sources."""

import base64
from pathlib import Path

import httpx
import msgspec

from ingest.app import part as ingest_part
from ingest.sources.schemes.registry import scheme_of
from ingest.sources.secrets import seal
from ingest.sources.webhook import Webhook
from shared.model import api_key
from shared.model import source as sources
from shared.model.position import Minter
from shared.model.source import Source
from shared.model.source_scheme import SchemeName, SchemeOptions
from shared.settings import Settings, load
from shared.sqlite.backend import SqliteBackend
from shared.telemetry.catalog import Metrics
from shared.web.app import build_app
from tests.deliveries import Sample
from tests.fakes.clock import FakeClock
from tests.serving import client_of
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules
from worker.commit.processor import Processor
from worker.inbox.app import part as inbox_part

DAY_SECONDS = 86_400
MIB = 1024 * 1024


class Deployment:
    """Both APIs on one data directory, and a worker that runs on request."""

    def __init__(self, directory: Path) -> None:
        self.settings: Settings = load(
            {"BACKEND": "sqlite", "DATA_DIR": str(directory), "PUBLIC_URL": "https://in.example"}
        )
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.backend = SqliteBackend(self.settings, self.clock)
        parts = [make(self.settings, clock=self.clock, metrics=self.metrics) for make in (ingest_part, inbox_part)]
        self.app = build_app(self.settings, parts, backend=self.backend, clock=self.clock, metrics=self.metrics)
        self.client = client_of(self.app)
        self._names = 0

    async def source(
        self, scheme: SchemeName, secret: bytes = b"", options: SchemeOptions | None = None
    ) -> tuple[Source, str]:
        """Create a source; return it and the path of its URL."""
        self._names += 1
        source, token = sources.create(
            tenant="acme",
            name=f"s{self._names}",
            scheme=scheme,
            options=options,
            inbox="in",
            now_ms=self.clock.wall_ms(),
        )
        if secret:
            sealed = await seal(await self.backend.secret_box(), source, secret, self.clock.wall_ms())
            source = sources.with_secret(source, sealed)
        await (await self.backend.sources()).put(source)
        return source, f"/v1/in/{token}"

    def signed(
        self, sample: Sample, path: str, *, secret: bytes | None = None, body: bytes | None = None, late_ms: int = 0
    ) -> Webhook:
        """Return a delivery signed as its sender would have signed it `late_ms` ago."""
        url = f"{self.settings.public_url}{path}"
        webhook = Webhook(sample.body if body is None else body, sample.webhook.headers, url=url)
        scheme = scheme_of(sample.scheme, [secret or sample.secret], sample.options)
        return scheme.sign(webhook, self.clock.wall_ms() - late_ms)

    async def send(self, webhook: Webhook) -> httpx.Response:
        """Post a delivery."""
        path = webhook.url.removeprefix(self.settings.public_url)
        return await self.client.request(webhook.method, path, content=webhook.body, headers=list(webhook.headers))

    async def post(self, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=content, headers=named)

    async def work(self) -> None:
        """Store the queued events."""
        rules = CommitRules(clock=self.clock, minter=Minter(self.clock), settings=self.settings)
        dead_letters = DeadLetters(await self.backend.dlq(), self.clock, per_minute=100)
        processor = Processor(
            store=await self.backend.event_store(),
            bodies=await self.backend.bodies(),
            dead_letters=dead_letters,
            rules=rules,
        )
        queue = await self.backend.queue()
        while messages := await queue.receive(limit=10, wait_seconds=0, visibility_seconds=60):
            await processor.process(messages)
            await queue.delete(messages)

    async def listed(self) -> list[dict[str, msgspec.Raw]]:
        """Store the queued events; return the events in the inbox, with each member as raw JSON."""
        await self.work()
        self.clock.advance(self.settings.settle_ms / 1000 + 0.001)
        key, token = api_key.create(tenant="acme", name="r", scopes=["inbox:read"], now_ms=self.clock.wall_ms())
        await (await self.backend.keys()).put(key)
        answer = await self.client.get(
            "/v1/inbox", params={"inbox": "in"}, headers={"authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 200, answer.text
        events = msgspec.json.decode(answer.content, type=dict[str, msgspec.Raw])["events"]
        return msgspec.json.decode(events, type=list[dict[str, msgspec.Raw]])


def text(event: dict[str, msgspec.Raw], name: str) -> str | None:
    return msgspec.json.decode(event[name], type=str) if name in event else None


def body_of(event: dict[str, msgspec.Raw]) -> bytes:
    if "data" in event:
        return bytes(event["data"])
    return base64.b64decode(text(event, "data_base64") or "")


def check_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 401
    assert answer.json()["title"] == "Delivery not authentic"
    assert answer.json()["detail"] == "The delivery is not authentic."
