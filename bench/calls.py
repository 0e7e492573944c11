"""One call to AWS: CPU time of our client and of botocore's, for the calls that every event takes part in."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import aioboto3
import msgspec
import uvloop
from aiobotocore.config import AioConfig

from bench.plan import Plan
from bench.results import Row, alternate, row
from shared.aws.clients import AwsClients
from shared.settings import Settings

_PARALLEL = 20
_BODY = "x" * 1024
_INSERT = "INSERT INTO \"events\" VALUE {'pk': ?, 'sk': ?, 'type': ?, 'body': ?, 'accepted_at': ?, 'ttl': ?}"
_ITEM = {
    "pk": {"S": "inbox#acme#default#0"},
    "sk": {"S": "01900000-0000-7000-8000-000000000000"},
    "type": {"S": "order.paid"},
    "body": {"S": _BODY},
    "accepted_at": {"N": "1764000000000"},
    "ttl": {"N": "1766000000"},
}


class _Call(msgspec.Struct, frozen=True):
    """A call to measure: `method` of a client of `service`."""

    service: str
    method: str
    parameters: dict[str, Any]


_CALLS = {
    "SendMessageBatch, one message of 1 KB": _Call(
        "sqs",
        "send_message_batch",
        {"QueueUrl": "http://127.0.0.1/queue", "Entries": [{"Id": "0", "MessageBody": _BODY}]},
    ),
    "BatchExecuteStatement, 25 inserts of 1 KB": _Call(
        "dynamodb",
        "batch_execute_statement",
        {"Statements": [{"Statement": _INSERT, "Parameters": list(_ITEM.values())}] * 25},
    ),
    "Query, 100 items of 1 KB": _Call(
        "dynamodb",
        "query",
        {
            "TableName": "events",
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":pk": _ITEM["pk"], ":first": {"S": "0"}, ":last": {"S": "1"}},
        },
    ),
}

_Open = Callable[[], AbstractAsyncContextManager[Any]]


def calls(plan: Plan) -> Iterator[Row]:
    """Compare microseconds of CPU a call, of this process."""
    item = msgspec.json.encode(_ITEM)
    items = [{"pk": _ITEM["pk"]["S"], "sk": f"0{number:03}", "item": msgspec.Raw(item)} for number in range(100)]
    plan.stage.aws.setup(items=items)
    os.environ.update(plan.stage.aws.environment())
    clients, session = AwsClients(Settings()), aioboto3.Session()
    own: dict[str, _Open] = {"sqs": clients.sqs, "dynamodb": clients.dynamodb}
    config = AioConfig(parameter_validation=False)
    for what, call in _CALLS.items():
        botocore: _Open = partial(session.client, call.service, config=config)
        ours = partial(_cpu_us, plan, own[call.service], call)
        theirs = partial(_cpu_us, plan, botocore, call)
        measured = alternate({"ours": ours, "theirs": theirs}, plan.rounds, "µs of CPU")
        yield row("calls", what, ours=measured["ours"], theirs=measured["theirs"], sense="at most")


def _cpu_us(plan: Plan, open_client: _Open, call: _Call) -> float:
    return uvloop.run(_repeat(plan, open_client, call))


async def _repeat(plan: Plan, open_client: _Open, call: _Call) -> float:
    async with open_client() as client:
        method: Callable[..., Awaitable[Any]] = getattr(client, call.method)

        async def run(seconds: float) -> float:
            count, before, end = 0, time.process_time(), time.monotonic() + seconds
            while time.monotonic() < end:
                await asyncio.gather(*(method(**call.parameters) for _ in range(_PARALLEL)))
                count += _PARALLEL
            return (time.process_time() - before) / count * 1e6

        await run(plan.warm_seconds)
        return await run(plan.seconds)
