"""Deliveries of every provider, from the URL of a source to the inbox: unchanged and once, or refused."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.sources.registry import REREAD_SECONDS
from ingest.sources.secrets import seal
from ingest.sources.webhook import Webhook
from shared.model import api_key
from shared.model import source as sources
from tests.counted import counted
from tests.deliveries import SAMPLES, Sample
from tests.integration.source_deployment import DAY_SECONDS, Deployment, body_of, check_refused, text
from tests.serving import serving

pytestmark = pytest.mark.slow


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    deployment = Deployment(tmp_path / "data")
    async with serving(deployment.app), deployment.client:
        yield deployment


def names(samples: tuple[Sample, ...] = SAMPLES) -> list[str]:
    return [f"{sample.scheme}-{number}" for number, sample in enumerate(samples)]


every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=names())
signed_samples = tuple(sample for sample in SAMPLES if sample.scheme != "none")
every_signed_sample = pytest.mark.parametrize("sample", signed_samples, ids=names(signed_samples))


@every_sample
async def test_a_delivery_is_read_back_byte_for_byte_and_its_retry_is_listed_once(
    deployment: Deployment, sample: Sample
) -> None:
    _, path = await deployment.source(sample.scheme, sample.secret, sample.options)
    for _ in range(2):
        answer = await deployment.send(deployment.signed(sample, path))
        assert (answer.status_code, answer.content) == (200, b"")
        await deployment.work()
        deployment.clock.advance(3 * DAY_SECONDS)
    [event] = await deployment.listed()
    assert body_of(event) == sample.body
    assert text(event, "type") == sample.type
    if sample.id is not None:
        assert text(event, "id") == sample.id
    assert text(event, "subject") == sample.subject
    assert counted(deployment.metrics, "source_deliveries") == {f"source_deliveries_total {sample.scheme} accepted": 2}


@every_signed_sample
async def test_other_deliveries_are_refused_and_nothing_is_stored(deployment: Deployment, sample: Sample) -> None:
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
    """Return another secret that is valid for the sample's scheme."""
    if sample.secret.startswith(b"whsec_") and sample.scheme in ("standard", "gitlab"):
        return b"whsec_" + base64.b64encode(b"another secret of 32 bytes, so ok")
    return b"user:another" if sample.scheme == "basic" else b"another"


@every_signed_sample
async def test_both_secrets_work_during_a_rotation_and_the_old_one_not_after_it(
    deployment: Deployment, sample: Sample
) -> None:
    source, path = await deployment.source(sample.scheme, sample.secret, sample.options)
    assert (await deployment.send(deployment.signed(sample, path))).status_code == 200
    store, box, other = await deployment.backend.sources(), await deployment.backend.secret_box(), scheme_secret(sample)
    old_id = source.secrets[0].secret_id
    source = sources.with_secret(source, await seal(box, source, other, deployment.clock.wall_ms()))
    await store.replace(source)
    deployment.clock.advance(REREAD_SECONDS)
    for secret in (other, sample.secret):
        assert (await deployment.send(deployment.signed(sample, path, secret=secret))).status_code == 200
    await store.replace(sources.without_secret(source, old_id))
    deployment.clock.advance(deployment.settings.key_cache_seconds)
    check_refused(await deployment.send(deployment.signed(sample, path)))
    assert (await deployment.send(deployment.signed(sample, path, secret=other))).status_code == 200


@every_signed_sample
async def test_one_valid_signature_of_two_is_enough_where_the_scheme_allows_several(
    deployment: Deployment, sample: Sample
) -> None:
    _, path = await deployment.source(sample.scheme, sample.secret, sample.options)
    forged, genuine = (deployment.signed(sample, path, secret=secret) for secret in (scheme_secret(sample), None))
    answer = await deployment.send(with_both(sample, forged, genuine))
    if sample.scheme in ("stripe", "standard") or sample.secret.startswith(b"whsec_"):
        assert answer.status_code == 200
    else:
        check_refused(answer)
    assert len(await deployment.listed()) == (answer.status_code == 200)


def with_both(sample: Sample, first: Webhook, second: Webhook) -> Webhook:
    """Return `second` with the signature of `first` before its own: in one header, or in two of the same name."""
    name = sample.signature.encode()
    (before,) = (value for header, value in first.headers if header == name)
    (own,) = (value for header, value in second.headers if header == name)
    others = [(header, value) for header, value in second.headers if header != name]
    match sample.scheme:
        case "stripe":
            both = [b"%b,%b" % (own, before.partition(b",")[2])]
        case "standard" | "gitlab":
            both = [b"%b %b" % (before, own)]
        case _:
            both = [before, own]
    return Webhook(second.body, [*others, *((name, value) for value in both)], url=second.url)


async def test_three_days_of_retries_are_one_event_and_one_after_the_window_is_another(
    deployment: Deployment,
) -> None:
    sample = SAMPLES[0]
    _, path = await deployment.source(sample.scheme, sample.secret)
    for hours in (0, 1, 2, 5, 13, 24, 27):
        deployment.clock.advance(hours * 3600)
        assert (await deployment.send(deployment.signed(sample, path))).status_code == 200
        await deployment.work()
    deployment.clock.advance(8 * DAY_SECONDS)
    assert len(await deployment.listed()) == 1
    assert (await deployment.send(deployment.signed(sample, path))).status_code == 200
    assert len(await deployment.listed()) == 2


async def test_unknown_disabled_and_malformed_urls_are_refused_alike(deployment: Deployment) -> None:
    source, path = await deployment.source("none")
    await (await deployment.backend.sources()).replace(sources.disabled(source, 1))
    for wrong in (path, f"{path[:-1]}A", "/v1/in/src_abcdefghij_" + "a" * 43, "/v1/in/x", "/v1/in/%C3%BC"):
        check_refused(await deployment.post(wrong, b"{}"))
    assert await deployment.listed() == []


async def test_basic_requests_credentials(deployment: Deployment) -> None:
    _, path = await deployment.source("basic", b"user:password")
    answer = await deployment.post(path, b"{}")
    check_refused(answer)
    assert answer.headers["www-authenticate"].startswith("Basic ")
    _, path = await deployment.source("github", b"secret")
    assert "www-authenticate" not in (await deployment.post(path, b"{}")).headers


async def test_handshakes_are_answered_and_are_not_events(deployment: Deployment) -> None:
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
async def test_other_methods_get_a_405(deployment: Deployment, method: str) -> None:
    _, path = await deployment.source("none")
    answer = await deployment.client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert path.rpartition("/")[2] not in answer.text
    assert f"http_request_duration_seconds {method} /v1/in/{{token}} 4xx" in counted(deployment.metrics)


async def test_a_source_over_its_rate_gets_a_429(deployment: Deployment) -> None:
    _, path = await deployment.source("none")
    for _ in range(api_key.DEFAULT_BURST):
        assert (await deployment.client.options(path)).status_code == 200
        await asyncio.sleep(0)  # requests of one event-loop iteration are also limited
    answer = await deployment.post(path)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
