"""A publisher on a queue that tests control by hand."""

import asyncio
import base64
import os
from collections.abc import Callable

import msgspec

from ingest.publisher import Publisher
from shared.model.event import Event
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.waiting import until


def an_event(name: str = "e", body: bytes = b"{}") -> Event:
    return Event(receipt=f"r-{name}", id=name, source="/", inbox="default", type="t", body=msgspec.Raw(body))


def noise(size: int) -> bytes:
    """Return a JSON string of about `size` bytes that zstd can hardly compress."""
    return b'"' + base64.b64encode(os.urandom(size * 3 // 4)) + b'"'


def names_of(queue: FakeQueue) -> list[list[str]]:
    return [[event.id for event in each.events] for each in queue.packs]


class World:
    def __init__(self, settings: Settings) -> None:
        self.queue = FakeQueue()
        self.metrics = Metrics()
        self.publisher = Publisher(self.queue, settings, FakeClock(), self.metrics)
        self.tasks: list[asyncio.Task[None]] = []

    def post(
        self, *names: str, tenant: str = "t", key_id: str = "k", body: bytes = b"{}", window_seconds: int | None = None
    ) -> asyncio.Task[None]:
        events = [an_event(name, body) for name in names]
        publishing = self.publisher.publish(tenant, key_id, events, window_seconds=window_seconds)
        task = asyncio.create_task(publishing)
        self.tasks.append(task)
        return task

    async def occupy(self) -> None:
        """Keep a call in flight, so that later posts stay pending. Requires `queue_sends=1`."""
        self.queue.unblocked.clear()
        self.post("first")
        await until(lambda: self.queue.in_flight == 1)


Make = Callable[..., World]
