"""Webhooks from the URL that `triggers sources` creates to the inbox of a running stack."""

import hashlib
import hmac
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.e2e.local import DEADLINE_SECONDS, Local, client_in, until
from tests.integration.payloads import webhooks

pytestmark = pytest.mark.slow

SECRET = "It's a Secret to Everybody"  # noqa: S105 - a documented example


class Sources:
    """`triggers sources` on a running stack."""

    def __init__(self, local: Local) -> None:
        self._command = [sys.executable, "-m", "cli", "sources", "--data", str(local.data)]

    def run(self, *arguments: str, given: str = "", status: int = 0) -> Any:
        """Return the JSON output of a command."""
        command = [*self._command, *arguments, "--json"]
        done = subprocess.run(  # noqa: S603
            command, input=given.encode(), capture_output=True, timeout=DEADLINE_SECONDS, check=False
        )
        assert done.returncode == status, done.stderr
        return msgspec.json.decode(done.stdout)


@pytest.fixture
def sources(local: Local) -> Sources:
    return Sources(local)


def deliver(url: str, body: bytes, delivery: str, **headers: str) -> int:
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    given = {"X-GitHub-Event": "push", "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": signature}
    return httpx.post(url, content=body, headers=given | headers, trust_env=False).status_code


def test_deliveries_become_events_byte_for_byte_and_once(local: Local, sources: Sources) -> None:
    words = ["--tenant", "github", "--name", "repo", "--scheme", "github", "--secret-file", "-"]
    url = sources.run("create", *words, given=SECRET)["url"]
    assert url.startswith(local.url)
    payloads = {f"delivery-{n}": webhook.data for n, webhook in enumerate([*webhooks()[:6], *webhooks()[-6:]])}
    for delivery, payload in payloads.items():
        assert deliver(url, payload, delivery) == 200
    assert deliver(url, payloads["delivery-0"], "delivery-0") == 200
    assert deliver(url, b'{"forged":1}', "forged", **{"X-Hub-Signature-256": "sha256=" + "0" * 64}) == 401
    assert deliver(url, b"{}", "unsigned", **{"X-Hub-Signature-256": ""}) == 401
    assert deliver(url, b"x" * (1024 * 1024 + 1), "large") == 413
    environment = local.environment("github")
    with client_in(environment) as client:
        until(lambda: len(client.page().events) == len(payloads))
        assert {event["source"] for event in client.page().events} == {"/sources/repo"}
        assert {event["id"] for event in client.page().events} == set(payloads)
    headers = {"Authorization": f"Bearer {environment['TRIGGERS_API_KEY']}"}
    page = httpx.get(f"{local.url}/v1/inbox?early=true", headers=headers, trust_env=False).content
    assert all(b'"data":%b' % payload in page for payload in payloads.values())


@pytest.mark.parametrize("scheme", ["stripe", "standard", "slack", "twilio", "basic"])
def test_a_test_delivery_is_accepted(local: Local, sources: Sources, tmp_path: Path, scheme: str) -> None:
    tenant = f"try-{scheme}"
    sources.run("create", "--tenant", tenant, "--name", scheme, "--scheme", scheme)
    body = tmp_path / "body.json"
    body.write_bytes(b'{"type": "tried.out"}')
    assert sources.run("test", scheme, "--file", str(body))["accepted"]
    with client_in(local.environment(tenant)) as client:
        until(lambda: len(client.page().events) == 1)
        assert client.page().events[0]["data"] == {"type": "tried.out"}


def test_a_refused_test_delivery_is_reported(local: Local, sources: Sources, tmp_path: Path) -> None:
    assert local.url
    sources.run("create", "--tenant", "try", "--name", "off", "--scheme", "github")
    sources.run("disable", "off")
    body = tmp_path / "body.json"
    body.write_bytes(b"{}")
    refused = sources.run("test", "off", "--file", str(body), status=1)
    assert (refused["status"], refused["accepted"]) == (401, False)
