"""Metrics of a worker on a separate port."""

import asyncio
import urllib.request
from contextlib import AsyncExitStack

import msgspec
from msgspec.structs import replace

from shared.aws.clients import AwsClients
from shared.aws.sqs import SqsQueue
from shared.clock import SystemClock
from shared.model import pack
from shared.model.event import Event
from shared.model.pack import EventPack
from shared.model.position import Minter
from shared.ports import Outgoing
from shared.settings import Settings
from worker.__main__ import run

BODY = msgspec.Raw(b'{"specversion":"1.0","type":"t"}')

WANTED = (
    'triggers_worker_events_total{result="stored"} 2.0',
    'triggers_worker_messages_total{action="delete"} 1.0',
    "triggers_stored_latency_seconds_count 2.0",
    'triggers_queue_messages{queue="events"} ',
    'triggers_queue_messages{queue="dlq"} 0.0',
    "triggers_queue_age_seconds ",
)


async def test_a_worker_serves_metrics_of_stored_events_and_queue_depth(aws_settings: Settings, free_port: int) -> None:
    settings, stop = replace(aws_settings, metrics_port=free_port), asyncio.Event()
    clock = SystemClock()
    events = [
        Event(receipt=Minter(clock).mint(), id=name, source="/", inbox="default", type="t", body=BODY)
        for name in ("a", "b")
    ]
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AwsClients(settings).sqs())
        queue = await SqsQueue.open(client, client, settings.queue_name)
        await queue.send(
            [
                Outgoing(
                    body=pack.encode(EventPack(tenant="t", key_id="k", accepted_at=clock.wall_ms() - 1, events=events))
                )
            ]
        )
        working = asyncio.create_task(run(settings, stop))
        async with asyncio.timeout(60):
            while missing := await asyncio.to_thread(_missing, free_port):
                assert not working.done(), missing
                await asyncio.sleep(0.1)
        stop.set()
        await working


def _missing(port: int) -> list[str]:
    """Return the missing metrics."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            reported: str = answer.read().decode()
    except OSError:
        return list(WANTED)  # it is still starting
    return [line for line in WANTED if line not in reported]
