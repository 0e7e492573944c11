"""A look at the queue and the DLQ, past the processes under test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aioboto3

from cli.local import emulator
from shared.model import pack as packs
from shared.model.pack import EventPack
from tests.chaos.events import Identity
from tests.chaos.waiting import until

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient

_QUIET_LOOKS = 5
_PAUSE_SECONDS = 0.3
_LOOK_SECONDS = 30  # what was looked at is hidden this long, unless it is shown again before


class Queues:
    """Both queues of a run. Make one with `opened`."""

    def __init__(self, client: "SQSClient", queue_url: str, dlq_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._dlq_url = dlq_url

    async def waiting(self) -> int:
        """Return how many messages are in the queue, those in somebody's hands and the delayed ones included."""
        answer = await self._client.get_queue_attributes(
            QueueUrl=self._queue_url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )
        return sum(int(number) for number in answer["Attributes"].values())

    async def quiet(self, seconds: float) -> None:
        """Return when the queue has been empty for a while; raise TimeoutError if it is not within `seconds`."""
        looks = 0

        async def empty_for_some_time() -> bool:
            nonlocal looks
            looks = looks + 1 if await self.waiting() == 0 else 0
            await asyncio.sleep(_PAUSE_SECONDS)
            return looks >= _QUIET_LOOKS

        await until("the queue is empty", empty_for_some_time, seconds=seconds)

    async def dead_letters(self) -> list[list[Identity]]:
        """Return the events of each message in the DLQ, and leave all of them there."""
        letters, handles = [], []
        while found := await self._receive():
            for body, handle in found:
                pack = packs.decode(body)
                assert isinstance(pack, EventPack), "nothing but events was sent"
                letters.append([Identity(event.inbox, event.source, event.id) for event in pack.events])
                handles.append(handle)
        for handle in handles:
            await self._client.change_message_visibility(
                QueueUrl=self._dlq_url, ReceiptHandle=handle, VisibilityTimeout=0
            )
        return letters

    async def _receive(self) -> list[tuple[str, str]]:
        answer = await self._client.receive_message(
            QueueUrl=self._dlq_url, MaxNumberOfMessages=10, VisibilityTimeout=_LOOK_SECONDS, WaitTimeSeconds=0
        )
        return [(message["Body"], message["ReceiptHandle"]) for message in answer.get("Messages", [])]


@asynccontextmanager
async def opened(port: int, *, region: str, queue: str, dlq: str) -> AsyncIterator[Queues]:
    """Open both queues of the emulator on `port`."""
    account = emulator.client_environment(port)
    session = aioboto3.Session(
        aws_access_key_id=account["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=account["AWS_SECRET_ACCESS_KEY"],
        region_name=region,
    )
    async with session.client("sqs", endpoint_url=account["AWS_ENDPOINT_URL"]) as client:
        urls = [(await client.get_queue_url(QueueName=name))["QueueUrl"] for name in (queue, dlq)]
        yield Queues(client, *urls)
