"""The worker's Lambda function, fed with the events of an SQS event source; only the poller is a fake."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from shared.aws.clients import AwsClients
from shared.aws.provision import provision
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.model import pack as packs
from shared.model.event import Event
from shared.model.pack import AckPack, EventPack, Pack
from shared.model.position import Minter
from shared.model.records import Outcome
from shared.ports import Message, Outgoing
from shared.settings import Settings
from tests.integration.listing import listed
from worker.commit import lambda_handler

pytestmark = pytest.mark.slow

PLENTY_MS = 60_000


class Invocation:
    """Lambda's context."""

    def __init__(self, remaining_ms: int) -> None:
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining_ms


class Function:
    """The function and the poller in front of it."""

    def __init__(self, settings: Settings, queue: SqsQueue, dlq: SqsQueue) -> None:
        self.settings = settings
        self.queue = queue
        self.dlq = dlq
        self._minter = Minter(SystemClock())

    def event(self, event_id: str) -> Event:
        body = msgspec.Raw(b'{"specversion":"1.0","type":"t","id":"%b"}' % event_id.encode())
        return Event(receipt=self._minter.mint(), id=event_id, source="/", inbox="default", type="t", body=body)

    def events(self, *ids: str) -> EventPack:
        now_ms = SystemClock().wall_ms()
        return EventPack(tenant="acme", key_id="k", accepted_at=now_ms, events=[self.event(one) for one in ids])

    async def send(self, *bodies: Pack | str) -> None:
        texts = [body if isinstance(body, str) else packs.encode(body) for body in bodies]
        outgoing = [Outgoing(body=text, attributes={"traceparent": "00"}) for text in texts]
        assert await self.queue.send(outgoing) == [Outcome.DONE] * len(texts)

    async def receive(self, count: int) -> list[Message]:
        messages: list[Message] = []
        while len(messages) < count:
            messages += await self.queue.receive(limit=10, wait_seconds=20, visibility_seconds=600)
        return messages

    async def waiting(self) -> tuple[int, ...]:
        """Return how many messages of the queue are visible, in flight and delayed."""
        async with AwsClients(self.settings).sqs() as sqs:
            url = (await sqs.get_queue_url(QueueName=self.settings.queue_name))["QueueUrl"]
            found = (await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]
        visible, in_flight = found["ApproximateNumberOfMessages"], found["ApproximateNumberOfMessagesNotVisible"]
        return int(visible), int(in_flight), int(found["ApproximateNumberOfMessagesDelayed"])

    async def invoke(self, messages: Sequence[Message], *, remaining_ms: int = PLENTY_MS) -> list[str]:
        """Return the bodies of the messages that the function reports as failed; delete the others."""
        context, event = Invocation(remaining_ms), {"Records": [record(message) for message in messages]}
        # In a thread, since the function runs its own event loop.
        answer = await asyncio.to_thread(lambda_handler.handler, event, context)
        assert answer.keys() == {"batchItemFailures"}
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        await self.queue.delete([message for message in messages if message.id not in failed])
        return [message.body for message in messages if message.id in failed]


def record(message: Message) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.handle,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receives), "SentTimestamp": "1545082649183"},
        "messageAttributes": {
            name: {"stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": "String"}
            for name, value in message.attributes.items()
        },
        "eventSource": "aws:sqs",
    }


@pytest.fixture
async def function(aws_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Function]:
    for name, value in msgspec.structs.asdict(aws_settings).items():
        monkeypatch.setenv(name.upper(), str(value))
    aws = AwsClients(aws_settings)
    async with AsyncExitStack() as stack:
        sending = await stack.enter_async_context(aws.sqs())
        polling = await stack.enter_async_context(aws.sqs_polling())
        queue = await SqsQueue.open(sending, polling, aws_settings.queue_name)
        dlq = await SqsQueue.open(sending, polling, aws_settings.dlq_name)
        yield Function(aws_settings, queue, dlq)
        await asyncio.to_thread(lambda_handler.sandbox().close)
        lambda_handler.sandbox.cache_clear()


async def drop_table(settings: Settings) -> None:
    async with AwsClients(settings).dynamodb() as client:
        await client.delete_table(TableName=settings.dynamodb_table_events)


async def test_a_batch_is_stored_once_however_often_it_comes(function: Function) -> None:
    await function.send(function.events("a", "b", "b"), function.events("c", "a"))
    messages = await function.receive(2)

    assert await function.invoke([*messages, *messages]) == []
    assert await function.invoke(messages) == []

    assert sorted(await listed(function.settings)) == ["a", "b", "c"]


async def test_an_invocation_writes_what_it_counted(
    function: Function, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "triggers-worker")
    await function.send(function.events("a", "b"))
    await function.invoke(await function.receive(1))
    [line] = capsys.readouterr().out.splitlines()
    assert msgspec.json.decode(line)["triggers_worker_events_total_stored"] == 2
    await function.invoke([])
    assert "triggers_worker_events_total_stored" not in capsys.readouterr().out


async def test_an_ack_takes_effect(function: Function) -> None:
    await function.send(function.events("a", "b"))
    await function.invoke(await function.receive(1))
    first, second = (await listed(function.settings)).items()
    await function.send(
        AckPack(tenant="acme", key_id="k", accepted_at=SystemClock().wall_ms(), inbox="default", positions=[first[1]])
    )

    assert await function.invoke(await function.receive(1)) == []

    assert await listed(function.settings) == dict([second])


async def test_an_unreadable_pack_fails_alone(function: Function) -> None:
    await function.send(function.events("a"), "p!!", function.events("b"))

    assert await function.invoke(await function.receive(3)) == ["p!!"]

    assert sorted(await listed(function.settings)) == ["a", "b"]


async def test_without_a_table_all_is_delivered_again(function: Function) -> None:
    await drop_table(function.settings)
    await function.send(function.events("a"), function.events("b"))
    messages = await function.receive(2)

    assert await function.invoke(messages) == [message.body for message in messages]

    # A failed opening is tried again.
    await provision(function.settings)
    assert await function.invoke(messages) == []
    assert sorted(await listed(function.settings)) == ["a", "b"]


async def test_without_a_table_no_message_runs_out_of_deliveries(function: Function) -> None:
    await drop_table(function.settings)
    await function.send(function.events("a"))
    [message] = await function.receive(1)
    tired = replace(message, receives=function.settings.max_receives)

    # Not reported as failed, so it is deleted: a copy took its place.
    assert await function.invoke([tired]) == []
    assert await function.waiting() == (0, 0, 1)


async def test_unfinished_messages_are_delivered_again(function: Function) -> None:
    await function.send(function.events("a"))
    assert await function.invoke(await function.receive(1)) == []
    await drop_table(function.settings)
    await function.send("p!!", function.events("b"))
    messages = await function.receive(2)

    assert sorted(await function.invoke(messages, remaining_ms=500)) == sorted(message.body for message in messages)

    await provision(function.settings)
    assert await function.invoke(messages) == ["p!!"]
    assert list(await listed(function.settings)) == ["b"]


async def test_without_a_queue_nothing_is_raised(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_NAME", "no-such-queue")
    await function.send(function.events("a"))
    messages = await function.receive(1)

    assert await function.invoke(messages) == [message.body for message in messages]
