"""No secret or payload appears where it was not requested: logs, metrics, spans, errors, pages, lists."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from cli.local import emulator
from shared.aws.clients import AwsClients
from shared.aws.key_store import DynamoKeyStore
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.model import api_key
from shared.model.records import Outcome
from shared.ports import Outgoing
from shared.settings import Settings
from tests.integration import marked
from tests.integration.marked import MARK
from tests.provisioned import provisioned

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 120
SIGNING_SECRET = f"{MARK}-signing-secret".encode()
PAGES = ("/", "/healthz", "/readyz", "/status", "/docs", "/redoc", "/openapi.json", "/metrics", "/v1/queue", "/v1/dlq")
_TRIGGERS = [sys.executable, "-P", "-m", "cli"]
_LAMBDA = """
import json, sys
from worker.commit import lambda_handler
class Context:
    def get_remaining_time_in_millis(self): return 60_000
print(lambda_handler.handler(json.load(sys.stdin), Context()))
"""


class Stack:
    """API and worker as processes with verbose settings, and their output."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.settings = settings
        self.port, self.metrics_port = emulator.free_port(), emulator.free_port()
        self.out = directory / "out"
        self.environ = {
            **os.environ,
            **named(settings),
            "AWS_SECRET_ACCESS_KEY": marked.AWS_SECRET,
            "DATA_DIR": str(directory),
            "LOG_LEVEL": "DEBUG",
            "OTEL_TRACES_EXPORTER": "console",
        }

    @contextmanager
    def running(self) -> Iterator[httpx.Client]:
        """Run both; gives a client of the API. All that they print is in `out`."""
        served = {"METRICS_PORT": "0"}
        worked = {"METRICS_PORT": str(self.metrics_port)}
        with (
            self._started("serve", "all", "--port", str(self.port), **served),
            self._started("worker", **worked),
            httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=DEADLINE_SECONDS) as client,
        ):
            yield client

    @contextmanager
    def _started(self, *arguments: str, **environ: str) -> Iterator[None]:
        with self.out.open("ab") as out:
            process = subprocess.Popen([*_TRIGGERS, *arguments], env=self.environ | environ, stdout=out, stderr=out)  # noqa: S603
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_SECONDS)

    async def command(self, *arguments: str, program: tuple[str, ...] = tuple(_TRIGGERS), given: bytes = b"") -> str:
        """Run a command; return its output."""
        done = await asyncio.to_thread(
            subprocess.run,
            [*program, *arguments],
            env=self.environ | {"AWS_LAMBDA_FUNCTION_NAME": "worker"},
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
            timeout=DEADLINE_SECONDS,
        )
        return done.stdout.decode()

    def lines(self) -> list[dict[str, Any]]:
        """Return the log until now."""
        return [msgspec.json.decode(line) for line in self.out.read_text().splitlines() if line.startswith('{"time"')]


def named(settings: Settings) -> dict[str, str]:
    """Return `settings` as environment variables."""
    values = {name.upper(): getattr(settings, name) for name in settings.__struct_fields__}
    return {name: str(value) for name, value in values.items() if not isinstance(value, bool)}


@pytest.fixture
async def stack(ministack: str, tmp_path: Path) -> Stack:
    assert ministack
    return Stack(await provisioned(poll_seconds=1), tmp_path)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await condition():  # noqa: ASYNC110 (they are other processes)
            await asyncio.sleep(0.1)


async def test_no_secret_or_payload_leaks(stack: Stack) -> None:
    async with AsyncExitStack() as opened:
        aws = AwsClients(stack.settings)
        key, token = api_key.create(
            tenant=marked.TENANT, name="n", scopes=api_key.SCOPES, now_ms=SystemClock().wall_ms()
        )
        dynamodb = await opened.enter_async_context(aws.dynamodb())
        await DynamoKeyStore(dynamodb, stack.settings.dynamodb_table_api_keys).put(key)
        sqs = await opened.enter_async_context(aws.sqs())
        queue = await SqsQueue.open(sqs, sqs, stack.settings.queue_name)
        dlq = await SqsQueue.open(sqs, sqs, stack.settings.dlq_name)
        secret = token.split("_", 2)[2]
        with stack.running() as client:
            await until(lambda: asyncio.to_thread(emulator.answers, f"http://127.0.0.1:{stack.port}/readyz"))
            said = [*traffic(client, token, key.key_id, secret)]
            url = await a_source(stack)
            said += deliver(client, url)
            bodies = [marked.dead_letter(), *marked.broken()]
            for body in bodies:
                assert await queue.send([Outgoing(body=body)]) == [Outcome.DONE]
                assert await dlq.send([Outgoing(body=body)]) == [Outcome.DONE]

            async def worked() -> bool:
                seen = [line for line in stack.lines() if line["message"] == "message"]
                return len(seen) >= len(bodies) and any(line.get("dead") for line in seen)

            await until(worked)
            said += pages(client, token)
            said.append(client.get(f"http://127.0.0.1:{stack.metrics_port}/metrics").text)
        said += await asyncio.gather(stack.command("dlq", "list", "--json"), on_lambda(stack, bodies))
    said.append(stack.out.read_text())
    url_secret = url[-43:]
    everything = "\n".join(said)
    assert '"name": "process message"' in everything
    assert '"_aws"' in everything
    leaked = [
        line[:500] for line in everything.splitlines() if MARK in line.lower() or secret in line or url_secret in line
    ]
    assert leaked == []


def traffic(client: httpx.Client, token: str, key_id: str, secret: str) -> Iterator[str]:
    """Send everything; yield what the answers of what was refused say."""
    own = {"authorization": f"Bearer {token}"}
    for call in marked.taken():
        answer = client.request(call.method, call.path, content=call.body, headers=own | call.headers)
        assert answer.status_code == 202, answer.text
    for call in marked.refused(key_id, secret):
        headers = call.headers if "x-api-key" in call.headers else own | call.headers
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = client.request(call.method, call.path, content=call.body, headers=raw)
        assert 400 <= answer.status_code < 500, (call, answer.text)
        yield f"{call.method} {answer.status_code} {dict(answer.headers)} {answer.text}"


async def a_source(stack: Stack) -> str:
    """Create a source with a marked secret; return the path of its URL."""
    words = ("--tenant", marked.TENANT, "--name", "shop", "--scheme", "hmac", "--header", "X-Sig", "--json")
    made = await stack.command("sources", "create", *words, "--secret-file", "-", given=SIGNING_SECRET)
    url: str = msgspec.json.decode(made.splitlines()[-1])["url"]
    for command in (("list", "--json"), ("show", "shop")):
        shown = await stack.command("sources", *command)
        assert not any(one in shown for one in (SIGNING_SECRET.decode(), url[-43:]))
    return url


def deliver(client: httpx.Client, url: str) -> Iterator[str]:
    """Send deliveries; yield their responses."""
    for call, status in marked.deliveries(url, SIGNING_SECRET):
        answer = client.request(call.method, call.path, content=call.body, headers=call.headers)
        assert answer.status_code == status, (call, answer.text)
        yield f"{answer.status_code} {dict(answer.headers)} {answer.text}"


def pages(client: httpx.Client, token: str) -> Iterator[str]:
    """Yield what is shown without a payload being asked for."""
    for page in PAGES:
        answer = client.get(page, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, (page, answer.text)
        yield answer.text


async def on_lambda(stack: Stack, bodies: list[str]) -> str:
    """Have the worker's Lambda function handle messages; return what it printed."""
    records = [{"messageId": f"m{n}", "receiptHandle": f"r{n}", "body": body} for n, body in enumerate(bodies)]
    given = msgspec.json.encode({"Records": records})
    return await stack.command(program=(sys.executable, "-c", _LAMBDA), given=given)
