"""The plain build's worker: a conditional put for the guard and a put for the event, ten events at once."""

import asyncio
import contextlib
import signal
import uuid
from typing import Any

import uvloop
from botocore.exceptions import ClientError

from bench.plain_event import QUEUE, TABLE, client, guard_of, item_of, parse


async def run() -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with client("sqs") as sqs, client("dynamodb") as dynamodb:
        url = (await sqs.get_queue_url(QueueName=QUEUE))["QueueUrl"]
        while not stop.is_set():
            answer = await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
            if messages := answer.get("Messages"):
                await asyncio.gather(*(_store(dynamodb, message["Body"]) for message in messages))
                await _delete(sqs, url, messages)


async def _store(dynamodb: Any, body: str) -> None:  # noqa: ANN401 (the SDK's clients are made at run time)
    event, position = parse(body), str(uuid.uuid4())
    with contextlib.suppress(ClientError):  # its guard exists: a duplicate
        await dynamodb.put_item(
            TableName=TABLE, Item=guard_of(event, position), ConditionExpression="attribute_not_exists(pk)"
        )
        await dynamodb.put_item(TableName=TABLE, Item=item_of(event, position))


async def _delete(sqs: Any, url: str, messages: list[dict[str, Any]]) -> None:  # noqa: ANN401 (the same)
    entries = [{"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(messages)]
    await sqs.delete_message_batch(QueueUrl=url, Entries=entries)


if __name__ == "__main__":
    uvloop.run(run())
