"""Deliveries of every provider, from the URL of a source to the inbox: taken as they are, once, or not at all."""

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from ingest.app import part as ingest_part
from ingest.sources.schemes.registry import scheme_of
from ingest.sources.secrets import seal
from ingest.sources.webhook import Webhook
from shared.model import api_key
from shared.model import source as sources
from shared.model.position import Minter
from shared.model.source import SchemeName, SchemeOptions, Source
from shared.settings import Settings, load
from shared.sqlite.backend import SqliteBackend
from shared.telemetry.catalog import Metrics
from shared.web.app import build_app
from tests.counted import counted
from tests.deliveries import SAMPLES, Sample
from tests.manual import ManualClock
from tests.serving import client_of, serving
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules
from worker.commit.processor import Processor
from worker.inbox.app import part as inbox_part

DAY_MS = 86_400_000
MIB = 1024 * 1024


class Deployment:
    """Both APIs over one data directory, and a worker that runs when it is asked to."""

    def __init__(self, directory: Path) -> None:
        self.settings: Settings = load(
            {"BACKEND": "sqlite", "DATA_DIR": str(directory), "PUBLIC_URL": "https://in.example"}
        )
        self.clock = ManualClock()
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
        """Return a delivery as its sender would have sent it `late_ms` ago."""
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
        """Store what is queued."""
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
        """Return the events in the inbox, members as they are; the worker has stored what was queued."""
        await self.work()
        self.clock.now_ms += self.settings.settle_ms + 1
        key, token = api_key.create(tenant="acme", name="r", scopes=["inbox:read"], now_ms=self.clock.wall_ms())
        await (await self.backend.keys()).put(key)
        answer = await self.client.get(
            "/v1/inbox", params={"inbox": "in"}, headers={"authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 200, answer.text
        events = msgspec.json.decode(answer.content, type=dict[str, msgspec.Raw])["events"]
        return msgspec.json.decode(events, type=list[dict[str, msgspec.Raw]])


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    deployment = Deployment(tmp_path / "data")
    async with serving(deployment.app), deployment.client:
        yield deployment


def text(event: dict[str, msgspec.Raw], name: str) -> str | None:
    return msgspec.json.decode(event[name], type=str) if name in event else None


def body_of(event: dict[str, msgspec.Raw]) -> bytes:
    if "data" in event:
        return bytes(event["data"])
    return base64.b64decode(text(event, "data_base64") or "")


def names(samples: tuple[Sample, ...] = SAMPLES) -> list[str]:
    return [f"{sample.scheme}-{number}" for number, sample in enumerate(samples)]


every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=names())
signed_samples = tuple(sample for sample in SAMPLES if sample.scheme != "none")
every_signed_sample = pytest.mark.parametrize("sample", signed_samples, ids=names(signed_samples))


def check_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 401
    assert answer.json()["title"] == "The delivery is not authentic"
    assert answer.json()["detail"] == "The delivery is not authentic."


@every_sample
async def test_a_delivery_is_read_back_as_it_was_sent_and_a_repeat_is_listed_once(
    deployment: Deployment, sample: Sample
) -> None:
    _, path = await deployment.source(sample.scheme, sample.secret, sample.options)
    for _ in range(2):
        answer = await deployment.send(deployment.signed(sample, path))
        assert (answer.status_code, answer.content) == (200, b"")
        await deployment.work()
        deployment.clock.now_ms += 3 * DAY_MS
    [event] = await deployment.listed()
    assert body_of(event) == sample.body
    assert text(event, "type") == sample.type
    if sample.id is not None:
        assert text(event, "id") == sample.id
    assert text(event, "subject") == sample.subject
    assert counted(deployment.metrics, "source_deliveries") == {f"source_deliveries_total {sample.scheme} accepted": 2}


@every_signed_sample
async def test_what_is_not_authentic_is_refused_and_nothing_is_stored(deployment: Deployment, sample: Sample) -> None:
    _, path = await deployment.source(sample.scheme, sample.secret, sample.options)
    other = scheme_secret(sample)
    refused = [
        Webhook(sample.body, sample.webhook.headers, url=f"https://in.example{path}"),
        deployment.signed(sample, path, secret=other),
    ]
    if sample.signs_body:
        signed = deployment.signed(sample, path)
        flipped = bytes([signed.body[0], signed.body[1] ^ 1]) + signed.body[2:]
        refused.append(Webhook(flipped, signed.headers, url=signed.url))
    if sample.timed:
        refused += [deployment.signed(sample, path, late_ms=late_ms) for late_ms in (-301_000, 301_000)]
    for webhook in refused:
        check_refused(await deployment.send(webhook))
    assert await deployment.listed() == []


def scheme_secret(sample: Sample) -> bytes:
    """Another secret of the form that the sample's scheme takes."""
    if sample.secret.startswith(b"whsec_") and sample.scheme in ("standard", "gitlab"):
        return b"whsec_" + base64.b64encode(b"another secret of 32 bytes, so ok")
    return b"user:another" if sample.scheme == "basic" else b"another"


async def test_both_secrets_work_while_they_rotate_and_the_old_one_does_not_after(deployment: Deployment) -> None:
    sample = next(one for one in SAMPLES if one.scheme == "github")
    source, path = await deployment.source(sample.scheme, sample.secret)
    assert (await deployment.send(deployment.signed(sample, path))).status_code == 200
    store, box = await deployment.backend.sources(), await deployment.backend.secret_box()
    old_id = source.secrets[0].secret_id
    source = sources.with_secret(source, await seal(box, source, b"new", deployment.clock.wall_ms()))
    await store.replace(source)
    deployment.clock.now_ms += 60_000
    for secret in (sample.secret, b"new"):
        assert (await deployment.send(deployment.signed(sample, path, secret=secret))).status_code == 200
    await store.replace(sources.without_secret(source, old_id))
    deployment.clock.now_ms += 60_000
    check_refused(await deployment.send(deployment.signed(sample, path)))
    assert (await deployment.send(deployment.signed(sample, path, secret=b"new"))).status_code == 200


BODIES = {
    "json": (b'{ "b": 1.0,\r\n "a": "\\u00fc", "b": 2 }', "application/json"),
    "form": (b"a=1&b=%FF&a=", "application/x-www-form-urlencoded"),
    "xml": ('<?xml version="1.0"?><a>ü</a>'.encode(), "application/xml"),
    "multipart": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\x00\r\n--x--',
        "multipart/form-data; boundary=x",
    ),
    "latin-1": ("Straße".encode("latin-1"), "text/plain; charset=iso-8859-1"),
    "utf-16": ('{"a":"ü"}'.encode("utf-16"), "application/json; charset=utf-16"),
    "broken json": (b'{"a":', "application/json"),
    "binary": (bytes(range(256)), ""),
    "empty": (b"", "application/json"),
    "gzip": (b"\x1f\x8b not really", "application/json"),
    "1 MiB": (b"x" * MIB, "text/plain"),
    "1 MiB of JSON": (b'"%b"' % (b"x" * (MIB - 2)), "application/json"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_of_any_kind_is_kept_byte_for_byte(deployment: Deployment, name: str) -> None:
    body, content_type = BODIES[name]
    _, path = await deployment.source("none")
    headers = {"content_type": content_type} if content_type else {}
    answer = await deployment.post(path, body, **headers, content_encoding="gzip" if name == "gzip" else "identity")
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    [event] = await deployment.listed()
    assert body_of(event) == body
    assert text(event, "datacontenttype") == (content_type or None)
    assert text(event, "contentencoding") == ("gzip" if name == "gzip" else "identity")
    assert ("data" in event) == name.endswith(("json", "JSON")) or name == "broken json"


async def test_a_body_of_more_than_1_mib_is_refused_by_its_length(deployment: Deployment) -> None:
    _, path = await deployment.source("none")
    answer = await deployment.post(path, b"x" * (MIB + 1))
    assert answer.status_code == 413
    assert "1,048,576 bytes" in answer.json()["detail"]
    assert await deployment.listed() == []


async def test_a_body_that_does_not_fit_a_message_is_refused(deployment: Deployment) -> None:
    _, path = await deployment.source("none")
    answer = await deployment.post(path, random.Random(1).randbytes(MIB))  # noqa: S311 (not for secrecy)
    assert answer.status_code == 413
    assert "does not fit" in answer.json()["detail"]


async def test_three_days_of_retries_are_one_event_and_a_repeat_after_the_window_is_another(
    deployment: Deployment,
) -> None:
    sample = SAMPLES[0]
    _, path = await deployment.source(sample.scheme, sample.secret)
    for hours in (0, 1, 2, 5, 13, 24, 27):
        deployment.clock.now_ms += hours * 3_600_000
        assert (await deployment.send(deployment.signed(sample, path))).status_code == 200
        await deployment.work()
    deployment.clock.now_ms += 8 * DAY_MS
    assert len(await deployment.listed()) == 1
    assert (await deployment.send(deployment.signed(sample, path))).status_code == 200
    assert len(await deployment.listed()) == 2


async def test_unknown_disabled_and_malformed_urls_are_refused_alike(deployment: Deployment) -> None:
    source, path = await deployment.source("none")
    await (await deployment.backend.sources()).replace(sources.disabled(source, 1))
    for wrong in (path, f"{path[:-1]}A", "/v1/in/src_abcdefghij_" + "a" * 43, "/v1/in/x", "/v1/in/%C3%BC"):
        check_refused(await deployment.post(wrong, b"{}"))
    assert await deployment.listed() == []


async def test_basic_asks_for_a_password(deployment: Deployment) -> None:
    _, path = await deployment.source("basic", b"user:password")
    answer = await deployment.post(path, b"{}")
    check_refused(answer)
    assert answer.headers["www-authenticate"].startswith("Basic ")
    _, path = await deployment.source("github", b"secret")
    assert "www-authenticate" not in (await deployment.post(path, b"{}")).headers


async def test_handshakes_are_answered_and_become_no_event(deployment: Deployment) -> None:
    _, path = await deployment.source("none")
    asked = {"WebHook-Request-Origin": "eventemitter.example.com"}
    answer = await deployment.client.options(path, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert answer.headers["allow"] == "POST, OPTIONS"
    check_refused(await deployment.client.options("/v1/in/x", headers=asked))
    slack = next(one for one in SAMPLES if one.scheme == "slack")
    _, path = await deployment.source("slack", slack.secret)
    challenge = deployment.signed(slack, path, body=b'{"type":"url_verification","challenge":"3eZbrw1aB"}')
    answer = await deployment.send(challenge)
    assert (answer.status_code, answer.text) == (200, "3eZbrw1aB")
    assert await deployment.listed() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_other_methods_are_told_which_there_are(deployment: Deployment, method: str) -> None:
    _, path = await deployment.source("none")
    answer = await deployment.client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert path.rpartition("/")[2] not in answer.text
    assert f"http_request_duration_seconds {method} /v1/in/{{token}} 4xx" in counted(deployment.metrics)


async def test_a_source_that_sends_too_fast_is_told_to_wait(deployment: Deployment) -> None:
    _, path = await deployment.source("none")
    for _ in range(api_key.DEFAULT_BURST):
        assert (await deployment.client.options(path)).status_code == 200
        await asyncio.sleep(0)  # what arrives within one iteration of the event loop is limited, too
    answer = await deployment.post(path)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
