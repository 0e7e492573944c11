"""The pipeline on the LocalStack of compose.yaml, where one runs: `docker compose up --wait localstack`."""

import uuid

import httpx
import pytest
from localstack_client import config, session  # type: ignore[import-untyped] # it has no types
from msgspec.structs import replace

from cli.local import emulator
from shared.aws.provision import provision
from shared.settings import Settings
from tests.integration.deployment import deployed, event
from tests.integration.described import NAMES, described

pytestmark = pytest.mark.slow

SUITS = {"clock_skew_ms": 10, "commit_deadline_ms": 300, "store_timeout_ms": 1000, "settle_ms": 1400}


def is_localstack(url: str) -> bool:
    try:
        return "version" in httpx.get(f"{url}/_localstack/info", timeout=2, trust_env=False).json()
    except (httpx.TransportError, ValueError):
        return False


@pytest.fixture
def localstack(monkeypatch: pytest.MonkeyPatch) -> str:
    url: str = config.get_service_endpoint("sqs", localstack_host="127.0.0.1")
    if not is_localstack(url):
        pytest.skip(f"no LocalStack answers on {url}")
    for name in emulator.MISLEADING:
        monkeypatch.delenv(name, raising=False)
    for name, value in (emulator.client_environment(0) | {"AWS_ENDPOINT_URL": url}).items():
        monkeypatch.setenv(name, value)
    return url


async def made() -> Settings:
    unique = uuid.uuid4().hex[:12]
    own = {name: f"{name.replace('_', '-')}-{unique}" for name in NAMES}
    own["kms_key_id"] = f"alias/sources-{unique}"
    settings = replace(Settings(), **SUITS, **own)
    await provision(settings)
    return settings


async def test_its_hook_has_made_what_is_declared(localstack: str) -> None:
    assert localstack
    hooked = await described(Settings())
    provisioned = await described(await made())
    for one in (hooked, provisioned):  # keys and events that somebody has made meanwhile
        del one["events"]["items"], one["api_keys"]["items"], one["sources"]["items"]
    assert hooked == provisioned


async def test_an_event_goes_all_the_way(localstack: str) -> None:
    assert localstack
    settings = await made()
    async with deployed(settings) as deployment:
        acme = await deployment.tenant("acme")
        (accepted,) = await acme.accept(event(b'{"n": 1.10}', id="one"))
        again = await acme.accept(event(b'{"n": 1.10}', id="one"))
        listed = await acme.everything()
    assert [one.id for one in again] == [accepted.id]
    assert [(one.id, bytes(one.data)) for one in listed] == [("one", b'{"n": 1.10}')]
    queues = session.Session(localstack_host="127.0.0.1").client("sqs").list_queues()["QueueUrls"]
    assert any(url.endswith(settings.queue_name) for url in queues)
