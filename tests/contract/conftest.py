"""Each port over each of its implementations: in memory, on SQLite, and AWS's against the emulator."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from types_aiobotocore_sqs import SQSClient

from cli.local import emulator
from shared.aws.s3 import S3Bodies
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.queue import MemoryQueue
from shared.ports import BodyStore, EventStore
from shared.settings import Settings
from tests.contract import dynoxide
from tests.contract.build import (
    MAX_RECEIVES,
    SHARDS,
    Builder,
    Queues,
    aws_of,
    dynamo_store,
    sqlite_backend,
    sqlite_settings,
)
from tests.fakes.layout import every_inbox
from tests.provisioned import provisioned


@pytest.fixture(scope="session")
def deployment(ministack: str) -> Settings:
    """One table and bucket for the whole suite: every test has tenants of its own."""
    assert ministack
    return asyncio.run(provisioned(store_timeout_ms=10_000, settle_ms=11_000))


@pytest.fixture(params=["memory", "sqlite", "ministack"])
def backend(request: pytest.FixtureRequest) -> Settings | None:
    """The deployment to test against, or None for memory."""
    if request.param == "memory":
        return None
    if request.param == "sqlite":
        return sqlite_settings(request)
    settings = request.getfixturevalue("deployment")
    assert isinstance(settings, Settings)
    return settings


@pytest.fixture(scope="session")
def elsewhere(deployment: Settings) -> Iterator[str]:
    """The table of `deployment` on dynoxide, too; gives its URL."""
    with dynoxide.running(emulator.free_port()) as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        asyncio.run(_make_table(deployment))
        environment.undo()
        yield url


@pytest.fixture(params=["memory", "sqlite", "ministack", *([] if dynoxide.why_missing() else ["dynoxide"])])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings | None:
    """The deployment whose table to test against, or None for memory."""
    if request.param == "memory":
        return None
    if request.param == "sqlite":
        return sqlite_settings(request)
    settings = request.getfixturevalue("deployment")
    assert isinstance(settings, Settings)
    if request.param == "dynoxide":
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", request.getfixturevalue("elsewhere"))
    return settings


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out."""
    why = dynoxide.why_missing()
    if why:
        terminalreporter.write_line(f"The store was not tested on dynoxide: {why}.")


@pytest.fixture
def make() -> Builder:
    return Builder()


@pytest.fixture
async def store(table: Settings | None) -> AsyncIterator[EventStore]:
    if table is None:
        yield MemoryStore(SystemClock(), every_inbox(SHARDS))
        return
    if table.backend == "sqlite":
        async with sqlite_backend(table) as backend:
            yield await backend.event_store()
        return
    async with aws_of(table).dynamodb_once() as client:
        yield dynamo_store(client, table)


@pytest.fixture
async def bodies(backend: Settings | None) -> AsyncIterator[BodyStore]:
    if backend is None:
        yield MemoryBodies()
        return
    if backend.backend == "sqlite":
        async with sqlite_backend(backend) as sqlite:
            yield await sqlite.bodies()
        return
    async with aws_of(backend).s3() as client:
        yield S3Bodies(client, backend.bodies_bucket)


@pytest.fixture
async def queues(backend: Settings | None) -> AsyncIterator[Queues]:
    if backend is None:
        dlq = MemoryQueue(SystemClock())
        yield Queues(MemoryQueue(SystemClock(), dlq=dlq, max_receives=MAX_RECEIVES), dlq)
        return
    if backend.backend == "sqlite":
        async with sqlite_backend(backend) as sqlite:
            yield Queues(await sqlite.queue(), await sqlite.dlq())
        return
    name = f"queue-{uuid.uuid4().hex[:12]}"
    aws = aws_of(backend)
    async with aws.sqs() as sending, aws.sqs_polling() as polling:
        await _make_queues(sending, name)
        yield Queues(await SqsQueue.open(sending, polling, name), await SqsQueue.open(sending, polling, f"{name}-dlq"))


async def _make_table(settings: Settings) -> None:
    # Without the backups that `provision` asks for: dynoxide knows nothing of them.
    async with aws_of(settings).dynamodb() as client:
        for table in (settings.dynamodb_table_events, settings.dynamodb_table_groups):
            await client.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
                BillingMode="PAY_PER_REQUEST",
            )


async def _make_queues(sqs: SQSClient, name: str) -> None:
    dlq = await sqs.create_queue(QueueName=f"{name}-dlq")
    answer = await sqs.get_queue_attributes(QueueUrl=dlq["QueueUrl"], AttributeNames=["QueueArn"])
    redrive = {"deadLetterTargetArn": answer["Attributes"]["QueueArn"], "maxReceiveCount": MAX_RECEIVES}
    await sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(redrive)})
