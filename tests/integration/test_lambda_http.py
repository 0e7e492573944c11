"""Both HTTP functions as Lambda finds them: `handler` of a module, with settings from the environment."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from types import ModuleType
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

from ingest import lambda_handler as ingest
from shared.aws.clients import AwsClients
from shared.aws.key_store import DynamoKeyStore
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.model import api_key
from shared.settings import Settings
from shared.web.aws_lambda import LambdaApp
from worker.inbox import lambda_handler as inbox

Invoke = Callable[..., Any]


def request(method: str, path: str, **fields: object) -> dict[str, Any]:
    http = {"method": method, "path": path, "sourceIp": "127.0.0.1"}
    return {"version": "2.0", "rawPath": path, "headers": {}, "requestContext": {"http": http}} | fields


@pytest.fixture
async def invoke(aws_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Invoke]:
    """Call a module's function. In a thread, since it runs a loop of its own."""
    for name, value in asdict(aws_settings).items():
        monkeypatch.setenv(name.upper(), str(value))

    made: dict[ModuleType, LambdaApp] = {}

    def call(module: ModuleType, event: dict[str, Any]) -> dict[str, Any]:
        if module not in made:
            made[module] = importlib.reload(module).handler
        return made[module](event, None)

    async def invoke(module: ModuleType, event: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(call, module, event)

    yield invoke
    for function in made.values():
        await asyncio.to_thread(function.close)


async def token_of(settings: Settings) -> str:
    key, token = api_key.create(tenant="acme", name="n", scopes=api_key.SCOPES, now_ms=SystemClock().wall_ms())
    async with AwsClients(settings).dynamodb() as client:
        await DynamoKeyStore(client, settings.dynamodb_table_api_keys).put(key)
    return token


async def test_an_event_is_queued_and_an_inbox_read(aws_settings: Settings, invoke: Invoke) -> None:
    headers = {"authorization": f"Bearer {await token_of(aws_settings)}", "content-type": "application/json"}

    posted = await invoke(ingest, request("POST", "/v1/events", headers=headers, body='{"type":"t","id":"a"}'))
    again = await invoke(ingest, request("POST", "/v1/events", headers=headers, body='{"type":"t","id":"b"}'))
    page = await invoke(inbox, request("GET", "/v1/inbox", headers=headers, rawQueryString="limit=5"))

    assert [answer["statusCode"] for answer in (posted, again, page)] == [202, 202, 200]
    assert msgspec.json.decode(posted["body"])["id"] == "a"
    assert msgspec.json.decode(page["body"])["events"] == []
    async with AwsClients(aws_settings).sqs() as sqs:
        queue = await SqsQueue.open(sqs, sqs, aws_settings.queue_name)
        assert await queue.backlog() == 2


async def test_without_its_queue_ingest_says_that_it_can_not(
    aws_settings: Settings, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_NAME", "no-such-queue")
    headers = {"authorization": f"Bearer {await token_of(aws_settings)}", "content-type": "application/json"}
    answer = await invoke(ingest, request("POST", "/v1/events", headers=headers, body='{"type":"t"}'))
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (503, "application/problem+json")
    assert "retry-after" in answer["headers"]


@pytest.mark.parametrize("module", [ingest, inbox])
def test_a_module_has_nothing_else_that_is_made_when_asked_for(module: ModuleType) -> None:
    with pytest.raises(AttributeError, match="no attribute 'hander'"):
        _ = module.hander
