"""Records for the contract suites: of a tenant of their own, so that tests can share one table."""

import functools
import itertools
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from types_aiobotocore_dynamodb import DynamoDBClient

from shared.aws.clients import AwsClients
from shared.aws.event_store import DynamoStore
from shared.clock import Clock, SystemClock
from shared.model.event import Identity
from shared.model.position import Minter
from shared.model.records import Guard, Place, StoredEvent
from shared.ports import EventQueue
from shared.settings import Settings
from shared.sqlite.backend import SqliteBackend
from tests.fakes.layout import every_inbox, layouts_of

SHARDS = 4
MAX_RECEIVES = 2
NOW_MS = SystemClock().wall_ms()
LATER = NOW_MS // 1000 + 86_400
"""When what the builder makes expires, in epoch seconds: tomorrow."""

END = "ffffffff-ffff-7fff-bfff-ffffffffffff"
"""Greater than every minted position."""


@functools.cache
def aws_of(settings: Settings) -> AwsClients:
    """What makes clients; one for all tests, since reading botocore's service models takes most of the time."""
    return AwsClients(settings)


def sqlite_settings(request: pytest.FixtureRequest) -> Settings:
    """A data directory of the test's own."""
    directory: Path = request.getfixturevalue("tmp_path")
    return Settings(backend="sqlite", data_dir=str(directory / "data"), max_receives=MAX_RECEIVES)


@asynccontextmanager
async def sqlite_backend(settings: Settings) -> AsyncIterator[SqliteBackend]:
    backend = SqliteBackend(settings, SystemClock())
    try:
        yield backend
    finally:
        await backend.aclose()


def dynamo_store(client: DynamoDBClient, settings: Settings, clock: Clock | None = None) -> DynamoStore:
    """The table of `settings`, in which every inbox has `SHARDS` shards."""
    clock = clock or SystemClock()
    return DynamoStore(client, settings.dynamodb_table_events, layouts_of(every_inbox(SHARDS), SystemClock()), clock)


class Queues(NamedTuple):
    """An empty queue for one test, and its dead-letter queue, used after `MAX_RECEIVES` deliveries."""

    queue: EventQueue
    dlq: EventQueue


class Builder:
    """Makes records of one tenant, inbox `default`; no two have the same identity or position."""

    def __init__(self, tenant: str | None = None) -> None:
        self.tenant = tenant or f"tenant-{uuid.uuid4().hex[:12]}"
        self._minter = Minter(SystemClock())
        self._numbers = itertools.count()

    def position(self) -> str:
        return self._minter.mint()

    def positions(self, count: int, *, shard: int) -> list[str]:
        """Positions of one shard, in order; their middles count up, so there is room between them."""
        stem = self._minter.mint()[:-12]
        return [f"{stem}{number:010x}{shard:02x}" for number in range(1, count + 1)]

    def place(self, position: str | None = None, *, inbox: str = "default", delivered: bool = False) -> Place:
        return Place(self.tenant, inbox, position or self.position(), delivered)

    def identity(self, *, source: str = "/", event_id: str | None = None) -> Identity:
        return Identity(self.tenant, "default", source, event_id or f"event-{next(self._numbers)}")

    def guard(
        self, identity: Identity | None = None, *, accepted_at: int = NOW_MS, position: str | None = None
    ) -> Guard:
        return Guard(
            identity=identity or self.identity(),
            receipt=self.position(),
            position=position or self.position(),
            accepted_at=accepted_at,
            digest="0123456789abcdef",
            expires_at=LATER,
        )

    def event(
        self,
        place: Place | None = None,
        *,
        type_: str = "order.created",
        body: bytes = b'{"specversion":"1.0"}',
        expires_at: int = LATER,
        body_key: str | None = None,
    ) -> StoredEvent:
        return StoredEvent(
            place=place or self.place(),
            type=type_,
            body=body,
            accepted_at=NOW_MS,
            expires_at=expires_at,
            body_key=body_key,
        )
