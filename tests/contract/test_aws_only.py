"""What only AWS's side can show: services that are away, and queues set up to refuse."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from shared.aws.s3 import S3Bodies
from shared.aws.sqs import SqsQueue
from shared.model.errors import NotFound, Poison, Unavailable
from shared.model.records import Outcome
from shared.ports import EventStore, Outgoing
from shared.settings import Settings
from tests.contract.build import END, NOW_MS, Builder, aws_of, dynamo_store
from tests.fakes.clock import FakeClock

_CALLS: list[Callable[[EventStore, Builder], Awaitable[object]]] = [
    lambda store, _: store.ready(),
    lambda store, make: store.insert_guards([make.guard(), make.guard()]),
    lambda store, make: store.insert_events([make.event()]),
    lambda store, make: store.remove_events([make.place()]),
    lambda store, make: store.read_guard(make.identity()),
    lambda store, make: store.read_guards(make.identity()),
    lambda store, make: store.read_events([make.place()]),
    lambda store, make: store.list_inboxes(make.tenant, after="", limit=1),
    lambda store, make: store.query(make.place(), shard=0, before=END, limit=1),
    lambda store, make: store.take_over(make.guard(), make.guard()),
    lambda store, make: store.insert_older(make.guard(), make.guard()),
    lambda store, make: store.reposition(make.guard(), make.guard(), make.event()),
    lambda store, make: store.erase(make.guard(), replace(make.guard(), erased_at=NOW_MS)),
]


@pytest.mark.parametrize("call", _CALLS)
async def test_without_a_table_nothing_takes_effect(
    deployment: Settings, make: Builder, call: Callable[[EventStore, Builder], Awaitable[object]]
) -> None:
    async with aws_of(deployment).dynamodb_once() as client:
        store = dynamo_store(client, replace(deployment, dynamodb_table_events="no-such-table"))

        with pytest.raises(Unavailable):
            await call(store, make)


@pytest.mark.parametrize("call", _CALLS)
async def test_without_a_service_nothing_takes_effect(
    make: Builder,
    call: Callable[[EventStore, Builder], Awaitable[object]],
    free_port: int,
    deployment: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{free_port}")
    async with aws_of(deployment).dynamodb_once() as client:
        with pytest.raises(Unavailable):
            await call(dynamo_store(client, deployment), make)


async def test_a_queue_that_does_not_exist_can_not_be_opened(deployment: Settings) -> None:
    aws = aws_of(deployment)
    async with aws.sqs() as sending, aws.sqs_polling() as polling:
        with pytest.raises(Unavailable):
            await SqsQueue.open(sending, polling, "no-such-queue")


async def test_a_bucket_that_does_not_exist_is_not_a_missing_body(deployment: Settings) -> None:
    async with aws_of(deployment).s3() as client:
        bodies = S3Bodies(client, "no-such-bucket")

        with pytest.raises(Unavailable):
            await bodies.put("key", b"{}")
        with pytest.raises(Unavailable):
            await bodies.get("key")


async def test_a_message_too_long_for_its_queue_is_refused_alone(deployment: Settings, make: Builder) -> None:
    aws = aws_of(deployment)
    async with aws.sqs() as sending, aws.sqs_polling() as polling:
        await sending.create_queue(QueueName=make.tenant, Attributes={"MaximumMessageSize": "1024"})
        queue = await SqsQueue.open(sending, polling, make.tenant)

        outcomes = await queue.send([Outgoing(body="a"), Outgoing(body="b" * 2000), Outgoing(body="c")])

        assert outcomes == [Outcome.DONE, Outcome.REFUSED, Outcome.DONE]
        messages = await queue.receive(limit=10, wait_seconds=20, visibility_seconds=60)
        assert {message.body for message in messages} <= {"a", "c"}


async def test_an_event_too_big_for_an_item_is_refused_alone(deployment: Settings, make: Builder) -> None:
    good, big, other = make.event(), make.event(body=b'"' + b"x" * 410_000 + b'"'), make.event()
    async with aws_of(deployment).dynamodb_once() as client:
        store = dynamo_store(client, deployment)

        assert await store.insert_events([good, big, other]) == [Outcome.DONE, Outcome.REFUSED, Outcome.DONE]

        assert await store.read_events([good.place, big.place, other.place]) == [good, None, other]


async def test_an_event_too_big_for_an_item_is_poison_where_it_would_move(deployment: Settings, make: Builder) -> None:
    guard, big = make.guard(), make.event(body=b'"' + b"x" * 410_000 + b'"')
    async with aws_of(deployment).dynamodb_once() as client:
        store = dynamo_store(client, deployment)
        assert await store.insert_guards([guard]) == [Outcome.DONE]

        with pytest.raises(Poison):
            await store.reposition(guard, guard, big)

        assert await store.read_guard(guard.identity) == guard
        assert await store.read_events([big.place]) == [None]


async def test_a_body_that_was_never_put_is_not_found(deployment: Settings, make: Builder) -> None:
    async with aws_of(deployment).s3() as client:
        with pytest.raises(NotFound):
            await S3Bodies(client, deployment.bodies_bucket).get(f"bodies/{make.tenant}/none")


async def test_an_inbox_is_recorded_once_a_day_and_never_stops_an_event(
    deployment: Settings, make: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock(NOW_MS)
    async with aws_of(deployment).dynamodb_once() as client:
        store = dynamo_store(client, deployment, clock)
        puts, put_item = 0, client.put_item

        async def counted(**item: Any) -> object:
            nonlocal puts
            puts += 1
            if puts == 1:
                raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")
            return await put_item(**item)

        monkeypatch.setattr(client, "put_item", counted)
        assert await store.insert_events([make.event()]) == [Outcome.DONE]
        assert await store.list_inboxes(make.tenant, after="", limit=10) == []
        for _ in range(3):
            assert await store.insert_events([make.event()]) == [Outcome.DONE]
        assert puts == 2
        clock.advance(86_400)
        await store.insert_events([make.event()])
        assert puts == 3
        assert await store.list_inboxes(make.tenant, after="", limit=10) == ["default"]
