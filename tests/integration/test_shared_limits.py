"""Two apps as in two processes, each with its own clients, and one key table between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from litestar import Request, get
from litestar.testing import AsyncTestClient
from msgspec.structs import replace

from shared.aws.clients import AwsClients
from shared.aws.key_store import DynamoKeyStore
from shared.clock import SystemClock
from shared.model import api_key
from shared.ports import Backend
from shared.settings import Settings
from shared.web.app import Part, build_app
from shared.web.auth import needs

BURST = 20


@get("/who", guards=[needs(api_key.INBOX_READ)])
async def who(request: Request[api_key.ApiKey, Any, Any]) -> str:
    return str(request.auth.tenant)


@asynccontextmanager
async def nothing(_: Backend) -> AsyncIterator[None]:
    yield


async def ready() -> None:
    pass


async def granted_by_two(settings: Settings) -> int:
    async with AwsClients(settings).dynamodb() as client:
        now_ms = SystemClock().wall_ms()
        key, token = api_key.create(tenant="t", name="n", scopes=api_key.SCOPES, now_ms=now_ms, rate=1, burst=BURST)
        await DynamoKeyStore(client, settings.dynamodb_table_api_keys).put(key)
    part = Part(name="who", handlers=[who], lifespan=nothing, ready=ready)
    started_ms = SystemClock().wall_ms()
    async with AsyncTestClient(build_app(settings, [part])) as one, AsyncTestClient(build_app(settings, [part])) as two:
        asked = [client.get("/who", headers={"x-api-key": token}) for _ in range(30) for client in (one, two)]
        answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
    granted = sum(answer.status_code == 200 for answer in answers)
    return granted - (SystemClock().wall_ms() - started_ms) // 1000  # what came back meanwhile


@pytest.mark.parametrize(("rate_limits", "bursts"), [("process", 2), ("shared", 1)])
async def test_a_key_has_one_burst_in_each_process_or_one_in_all(
    aws_settings: Settings, rate_limits: str, bursts: int
) -> None:
    granted = await granted_by_two(replace(aws_settings, rate_limits=rate_limits))
    assert (bursts - 1) * BURST < granted <= bursts * BURST
