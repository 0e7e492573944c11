"""A whole deployment in this process: ingest and inbox as `triggers serve all` serves them, and the worker.

Only AWS is outside of the process: the emulator. The deadline for waits only ends a hang.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import msgspec
from msgspec import Raw

from cli.commands import serve
from shared.aws.clients import AwsClients
from shared.aws.key_store import DynamoKeyStore
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.model import api_key
from shared.settings import Settings
from tests.serving import client_of, serving
from worker.__main__ import run

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_sqs import SQSClient

JSON = {"content-type": "application/json"}
DEADLINE_SECONDS = 120


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An event in a page of an inbox; `data` has the bytes of the page."""

    id: str
    source: str
    type: str
    inbox: str
    position: str
    data: Raw = Raw(b"")
    data_base64: str = ""

    @property
    def posted(self) -> bytes:
        """The bytes that were posted as `data`."""
        return base64.b64decode(self.data_base64) or bytes(self.data)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    events: list[Listed]
    next: str
    more: bool


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: str
    inbox: str
    receipt: str


class _AcceptedBatch(msgspec.Struct, frozen=True, kw_only=True):
    accepted: int
    events: list[Accepted]


def event(data: bytes, **fields: str) -> bytes:
    """Return an event with `data` unchanged."""
    named = msgspec.json.encode({"type": "test.event"} | fields)
    return named[:-1] + b',"data":' + data + b"}"


def batch(events: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(events) + b"]"


class Deployment:
    """The running parts, and the contents of queues and bucket."""

    def __init__(
        self, settings: Settings, http: httpx.AsyncClient, clients: tuple["SQSClient", "DynamoDBClient", "S3Client"]
    ) -> None:
        self.settings = settings
        self.http = http
        self._sqs, self._dynamodb, self._s3 = clients

    async def tenant(self, name: str) -> "Tenant":
        """Return `name` as a producer and consumer, with a new key without effective limits."""
        now_ms, many = SystemClock().wall_ms(), 1_000_000
        key, token = await asyncio.to_thread(
            api_key.create, tenant=name, name="n", scopes=api_key.SCOPES, now_ms=now_ms, rate=many, burst=many
        )
        await DynamoKeyStore(self._dynamodb, self.settings.dynamodb_table_api_keys).put(key)
        return Tenant(self, token)

    async def drained(self) -> None:
        """Return when the worker has finished all accepted events."""
        url = (await self._sqs.get_queue_url(QueueName=self.settings.queue_name))["QueueUrl"]
        async with asyncio.timeout(DEADLINE_SECONDS):
            # A message is deleted only after its events are committed.
            while any(await self._counts(url)):  # noqa: ASYNC110 - SQS has no notification
                await asyncio.sleep(0.05)

    async def settled(self) -> None:
        """Return when all accepted events are stored, and old enough to be listed."""
        await self.drained()
        await asyncio.sleep(self.settings.settle_ms / 1000)

    async def queue(self, name: str) -> SqsQueue:
        return await SqsQueue.open(self._sqs, self._sqs, name)

    async def bucket_keys(self) -> list[str]:
        """Return the keys of all bodies; a deleted one leaves an empty object."""
        answer = await self._s3.list_objects_v2(Bucket=self.settings.bodies_bucket)
        return [item["Key"] for item in answer.get("Contents", []) if item["Size"]]

    async def _counts(self, url: str) -> list[int]:
        """Return the number of visible, in-flight and delayed messages."""
        answer = await self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        counts = [int(value) for name, value in answer["Attributes"].items() if "NumberOfMessages" in name]
        assert len(counts) == 3
        return counts


class Tenant:
    """One tenant's view of a deployment."""

    def __init__(self, deployment: Deployment, token: str) -> None:
        self._deployment = deployment
        self._http = deployment.http
        self._headers = {"authorization": f"Bearer {token}"}

    async def post(self, content: bytes, **headers: str) -> httpx.Response:
        return await self._http.post("/v1/events", content=content, headers=self._headers | JSON | headers)

    async def post_json(self, path: str, content: object) -> httpx.Response:
        return await self._http.post(path, json=content, headers=self._headers)

    async def get(self, path: str, *, accept: str = "*/*", **params: str | list[str]) -> httpx.Response:
        return await self._http.get(path, params=params or None, headers=self._headers | {"accept": accept})

    async def delete(self, path: str) -> httpx.Response:
        return await self._http.delete(path, headers=self._headers)

    async def accept(self, content: bytes, **headers: str) -> list[Accepted]:
        """Post `content`, which must be accepted; return the events of the answer."""
        answer = await self.post(content, **headers)
        assert answer.status_code == 202, answer.text
        if content.startswith(b"["):
            return msgspec.json.decode(answer.content, type=_AcceptedBatch).events
        return [msgspec.json.decode(answer.content, type=Accepted)]

    async def page(self, after: str | None = None, *, inbox: str = "default", limit: int = 1000) -> Page:
        params: dict[str, str] = {"inbox": inbox, "limit": str(limit)} | ({"after": after} if after else {})
        answer = await self._http.get("/v1/inbox", params=params, headers=self._headers)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=Page)

    async def listed(self, inbox: str = "default") -> list[Listed]:
        """Return all listed events, which must be in the order of their positions."""
        found: list[Listed] = []
        page = await self.page(inbox=inbox)
        found += page.events
        while page.more:
            page = await self.page(page.next, inbox=inbox)
            found += page.events
        assert_in_order(found)
        return found

    async def everything(self, inbox: str = "default") -> list[Listed]:
        """Return all listed events, once all accepted ones are listed."""
        await self._deployment.settled()
        return await self.listed(inbox)


def assert_in_order(events: Iterable[Listed]) -> None:
    assert all(one.position < next_.position for one, next_ in pairwise(events))


@asynccontextmanager
async def deployed(settings: Settings) -> AsyncIterator[Deployment]:
    """Serve and work until the end of the context, then drain."""
    app, aws, stop = serve.create("all", settings), AwsClients(settings), asyncio.Event()
    async with AsyncExitStack() as stack:
        sqs = await stack.enter_async_context(aws.sqs())
        dynamodb = await stack.enter_async_context(aws.dynamodb())
        s3 = await stack.enter_async_context(aws.s3())
        await stack.enter_async_context(serving(app))
        http = await stack.enter_async_context(client_of(app))
        worker = asyncio.create_task(run(settings, stop))
        try:
            yield Deployment(settings, http, (sqs, dynamodb, s3))
            assert not worker.done()
        finally:
            stop.set()
            await worker
