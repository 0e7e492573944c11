"""A service that takes a request and then misbehaves: what was written may or may not be there."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from msgspec.structs import replace

from shared.aws.clients import AwsClients
from shared.aws.sqs import SqsQueue
from shared.model.errors import Unavailable, Unclear
from shared.ports import Outgoing
from shared.settings import Settings
from tests.contract import faulty_server
from tests.contract.build import END, NOW_MS, Builder, dynamo_store
from tests.contract.faulty_server import Server

_FAULTS = [
    faulty_server.closed,
    faulty_server.reset_after_the_request,
    faulty_server.silent,
    faulty_server.truncated_body,
    faulty_server.server_error,
    faulty_server.html,
]


@pytest.fixture(params=_FAULTS, ids=lambda fault: fault.__name__)
async def aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AwsClients]:
    """Makes clients of a service that misbehaves in each way."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    async with Server(request.param).run() as url:
        for service in ("SQS", "DYNAMODB"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        deadline_ms = 600 if request.param is faulty_server.silent else 8_000
        yield AwsClients(Settings(store_timeout_ms=deadline_ms, queue_timeout_ms=deadline_ms, settle_ms=10_000))


async def test_a_write_to_the_table_is_unclear_and_a_read_unavailable(aws: AwsClients, make: Builder) -> None:
    async with aws.dynamodb_once() as client:
        store = dynamo_store(client, Settings())

        for write in (
            store.insert_guards([make.guard()]),
            store.insert_events([make.event(), make.event()]),
            store.remove_events([make.place()]),
            store.take_over(make.guard(), make.guard()),
            store.erase(make.guard(), replace(make.guard(), erased_at=NOW_MS)),
        ):
            with pytest.raises(Unclear):
                await write
        for read in (store.query(make.place(), shard=0, before=END, limit=1), store.read_events([make.place()])):
            with pytest.raises(Unavailable):
                await read


async def test_a_send_is_unclear(aws: AwsClients) -> None:
    async with AsyncExitStack() as stack:
        sending = await stack.enter_async_context(aws.sqs())
        queue = SqsQueue(sending, sending, "http://queue")

        with pytest.raises(Unclear):
            await queue.send([Outgoing(body="a")])
        with pytest.raises(Unavailable):
            await queue.backlog()
