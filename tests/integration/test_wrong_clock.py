"""A worker and a reader whose clocks are wrong, on the emulator, whose answers have a `Date`."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from cli import inspection
from shared.aws import clock_reports
from shared.aws.backend import AwsBackend
from shared.clock import SystemClock
from shared.model.errors import ClockWrong
from shared.model.event import Event
from shared.model.pack import EventPack, encode
from shared.model.position import Minter
from shared.ports import Outgoing
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.commit.consumer import Consumer
from worker.inbox.reader import Inbox
from worker.runtime import open_processor

DEADLINE_SECONDS = 30


class ShiftedClock(SystemClock):
    """A clock that is `ahead_ms` ahead."""

    def __init__(self, ahead_ms: int) -> None:
        self.ahead_ms = ahead_ms

    def wall_ms(self) -> int:
        return super().wall_ms() + self.ahead_ms


class Worker:
    """A worker and the clock of its machine."""

    def __init__(self, settings: Settings, ahead_ms: int) -> None:
        self.clock = ShiftedClock(ahead_ms)
        self.backend = AwsBackend(settings, self.clock)
        self.metrics = Metrics()
        self._settings = settings

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        consumer = Consumer(
            queue=await self.backend.queue(),
            processor=await open_processor(self.backend, self._settings, self.clock, self.metrics),
            clock=self.clock,
            settings=self._settings,
            service_time=self.backend.service_time,
        )
        task = asyncio.create_task(consumer.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task
            await self.backend.aclose()


async def send(backend: AwsBackend) -> None:
    clock = SystemClock()
    body = {"specversion": "1.0", "id": "1", "source": "/", "type": "t"}
    event = Event(
        receipt=Minter(clock).mint(),
        id="1",
        source="/",
        inbox="default",
        type="t",
        body=msgspec.Raw(msgspec.json.encode(body)),
    )
    pack = EventPack(tenant="acme", key_id="k", accepted_at=clock.wall_ms(), events=[event])
    await (await backend.queue()).send([Outgoing(body=encode(pack))])


async def inbox_of(backend: AwsBackend, clock: SystemClock, settings: Settings) -> Inbox:
    reader, bodies = await backend.event_reader(), await backend.bodies()
    return Inbox(reader, bodies, clock, settings, service_time=backend.service_time)


async def count(inbox: Inbox) -> int:
    return len((await inbox.page("acme", "default", None, 10)).events)


async def test_a_worker_behind_stores_nothing_until_its_clock_is_right(aws_settings: Settings) -> None:
    clock = SystemClock()
    worker, reading = Worker(aws_settings, -300_000), AwsBackend(aws_settings, clock)
    async with worker.running():
        await send(reading)
        await asyncio.sleep(3)
        inbox = await inbox_of(reading, clock, aws_settings)
        assert await count(inbox) == 0
        error = worker.metrics.clock_error.of().read()
        assert error is not None
        assert -300.5 < error < -298.5

        worker.clock.ahead_ms = 0
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not await count(inbox):  # noqa: ASYNC110 - as a consumer does
                await asyncio.sleep(0.1)
        assert worker.metrics.clock_error.of().read() == 0
    await inbox.aclose()
    await reading.aclose()


async def test_status_names_the_worker(aws_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_reports, "EVERY_MS", 100)
    worker = Worker(aws_settings, -200_000)
    async with worker.running():
        maintenance = asyncio.create_task(worker.backend.maintain())
        async with inspection.opened(aws_settings) as clients, asyncio.timeout(DEADLINE_SECONDS):
            while (report := await inspection.inspect(aws_settings, clients, None)).healthy:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        maintenance.cancel()
    [problem] = report.problems
    assert re.fullmatch(
        rf"The clock of the worker on {socket.gethostname()} is (199|200)\.\d s behind: it stores nothing\."
        r" Synchronize it with NTP\.",
        problem,
    )


async def test_a_reader_ahead_reads_nothing(aws_settings: Settings) -> None:
    clock = ShiftedClock(300_000)
    backend = AwsBackend(aws_settings, clock)
    inbox = await inbox_of(backend, clock, aws_settings)

    with pytest.raises(ClockWrong, match="s ahead"):
        await inbox.page("acme", "default", None, 10)

    clock.ahead_ms = 0
    assert await count(inbox) == 0
    await inbox.aclose()
    await backend.aclose()
