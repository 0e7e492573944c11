"""A `Backend` on SQS, DynamoDB and S3, or on emulators of them."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from shared.aws import clock_reports, layout
from shared.aws.budget import DynamoBudget
from shared.aws.clients import AwsClients
from shared.aws.errors import AWS_ERRORS
from shared.aws.event_reader import DynamoReader
from shared.aws.event_store import DynamoStore
from shared.aws.group_store import DynamoGroupStore
from shared.aws.key_store import DynamoKeyStore
from shared.aws.kms import KmsSecretBox
from shared.aws.s3 import S3Bodies
from shared.aws.source_store import DynamoSourceStore
from shared.aws.sqs import SqsQueue
from shared.clock import Clock
from shared.secret_box import KeyFileBox
from shared.service_time import Reading, ServiceTime
from shared.settings import Settings
from shared.source_ports import SecretBox

if TYPE_CHECKING:  # the clients' types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient

T = TypeVar("T")


class AwsBackend:
    """Opens one client of each kind, and one object of each port, when they are first requested."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        # Two clocks that are within half of the skew of the services' are within the whole of each other.
        self.service_time = ServiceTime(settings.clock_skew_ms / 2)
        self._aws = AwsClients(settings, self.service_time, clock)
        self._stack = AsyncExitStack()
        self._opened: dict[str, Any] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def queue(self) -> SqsQueue:
        """Return the queue of packs."""
        return await self._once("queue", lambda: self._queue(self._settings.queue_name))

    async def queue_sender(self) -> SqsQueue:
        """Return the sending side of the queue of packs, without a polling client."""

        async def find() -> SqsQueue:
            sqs = await self._client(self._aws.sqs)
            return await SqsQueue.open(sqs, sqs, self._settings.queue_name)

        return await self._once("queue sender", find)

    async def dlq(self) -> SqsQueue:
        """Return the dead-letter queue."""
        return await self._once("dlq", lambda: self._queue(self._settings.dlq_name))

    async def event_store(self) -> DynamoStore:
        """Return the events table for the worker."""

        async def claim() -> DynamoStore:
            client = await self._client(self._aws.dynamodb_once)
            await layout.claim(client, self._settings)
            return DynamoStore(client, self._settings, self._clock)

        return await self._once("event store", claim)

    async def event_reader(self) -> DynamoReader:
        """Return the events table for readers."""

        async def check() -> DynamoReader:
            client = await self._dynamodb()
            await layout.check(client, self._settings)
            return DynamoReader(client, self._settings, self._clock)

        return await self._once("event reader", check)

    async def bodies(self) -> S3Bodies:
        """Return the bucket of large bodies."""
        return S3Bodies(await self._client(self._aws.s3), self._settings.bodies_bucket)

    async def keys(self) -> DynamoKeyStore:
        """Return the key table."""
        return DynamoKeyStore(await self._dynamodb(), self._settings.dynamodb_table_api_keys)

    async def budget(self) -> DynamoBudget:
        """Return the token budgets, which are items of the key table."""
        return DynamoBudget(await self._dynamodb(), self._settings.dynamodb_table_api_keys)

    async def groups(self) -> DynamoGroupStore:
        """Return the table of consumer groups."""
        client = await self._client(self._aws.dynamodb_once)
        return DynamoGroupStore(client, self._settings.dynamodb_table_groups, self._clock)

    async def sources(self) -> DynamoSourceStore:
        """Return the table of sources."""
        return DynamoSourceStore(await self._dynamodb(), self._settings.dynamodb_table_sources)

    async def secret_box(self) -> SecretBox:
        """Return encryption with `KMS_KEY_ID` or, if it is empty, with a key in `DATA_DIR`."""
        if not self._settings.kms_key_id:
            return KeyFileBox.in_directory(self._settings.data_dir)
        return KmsSecretBox(await self._client(self._aws.kms), self._settings.kms_key_id)

    async def maintain(self) -> None:
        """Report the clock while it is wrong. DynamoDB, SQS and S3 delete expired data themselves."""
        while True:
            await self._clock.sleep_ms(clock_reports.EVERY_MS)
            now = Reading.of(self._clock)
            if self.service_time.is_wrong(now):
                with contextlib.suppress(*AWS_ERRORS):
                    table = self._settings.dynamodb_table_events
                    await clock_reports.write(await self._dynamodb(), table, self.service_time.error_ms(now), now)

    async def aclose(self) -> None:
        """Close all clients."""
        self._opened.clear()
        await self._stack.aclose()

    async def _queue(self, name: str) -> SqsQueue:
        sqs, polling = await self._client(self._aws.sqs), await self._client(self._aws.sqs_polling)
        return await SqsQueue.open(sqs, polling, name)

    async def _dynamodb(self) -> "DynamoDBClient":
        return await self._client(self._aws.dynamodb)

    async def _client(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        return await self._once(make.__name__, lambda: self._stack.enter_async_context(make()))

    async def _once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """Return the result of the first successful call of `make` for `name`."""
        async with self._locks[name]:
            if name not in self._opened:
                self._opened[name] = await make()
            found: T = self._opened[name]
            return found
