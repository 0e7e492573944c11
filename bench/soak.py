"""The embedded stack under a long load: `script/server` as anybody starts it, a million events, every one read back.

Events carry an id each. The inbox is followed by its cursor as they arrive, so what is listed is counted as a
consumer sees it: each once, none missing; and at the end both queues must be empty. Memory of each process is
sampled all the while.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from bench import payloads
from bench.processes import ROOT
from cli import emulator
from cli.dev_data import emulator_port
from shared.aws import Aws
from shared.settings import Settings

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_sqs import SQSClient

_BATCH = 100
_IN_FLIGHT = 4
_MAX_AHEAD = 20_000
_START_SECONDS = 180
_STILL_SECONDS = 120
_SAMPLE_SECONDS = 2.0
_STOP_SECONDS = 60
_BUSY = (429, 503)
_MIB = 1024 * 1024


class _Listed(msgspec.Struct):
    id: str


class _Page(msgspec.Struct):
    events: list[_Listed]
    next: str
    more: bool


class _Dev(msgspec.Struct):
    url: str
    api_key: str


_page = msgspec.json.Decoder(_Page)


def soak(events: int, console: Console) -> None:
    """Run it; raise if an event is missing, listed twice, never posted, or still in a queue."""
    with tempfile.TemporaryDirectory() as directory, _server(Path(directory)) as (server, dev):
        run = _Run(server, dev, events, console)
        asyncio.run(run.go())
        os.environ.update(emulator.client_environment(emulator_port(Path(directory) / "triggers")))
        asyncio.run(_until_drained(Settings()))
        run.show()


@contextmanager
def _server(data: Path) -> Iterator[tuple[psutil.Process, _Dev]]:
    command = [str(ROOT / "script" / "server"), "--port", str(emulator.free_port()), "--data", str(data / "triggers")]
    environment = {**os.environ, "LOG_LEVEL": "WARNING"}
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # noqa: S603
        try:
            yield psutil.Process(process.pid), _ready(process, data)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_STOP_SECONDS)


def _ready(process: subprocess.Popen[bytes], data: Path) -> _Dev:
    announced, deadline = data / "triggers" / "dev.json", time.monotonic() + _START_SECONDS
    while not announced.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start:\n{(data / 'log').read_text()}")
        time.sleep(0.1)
    return msgspec.json.decode(announced.read_bytes(), type=_Dev)


async def _until_drained(settings: Settings) -> None:
    """Return when both queues hold nothing, hidden or not; raise if that takes too long, or an event is dead."""
    deadline = time.monotonic() + _STILL_SECONDS
    async with Aws(settings).sqs() as sqs:
        for name in (settings.queue_name, settings.dlq_name):
            url = (await sqs.get_queue_url(QueueName=name))["QueueUrl"]
            while held := await _held(sqs, url):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{name} still holds {held:,} messages")
                await asyncio.sleep(1)


async def _held(sqs: "SQSClient", url: str) -> int:
    answer = await sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )
    return sum(map(int, answer["Attributes"].values()))


class _Run:
    """One soak: posts, follows, samples."""

    def __init__(self, server: psutil.Process, dev: _Dev, events: int, console: Console) -> None:
        self._server = server
        self._dev = dev
        self._wanted = events
        self._console = console
        self._posted = 0
        self._seen = bytearray(events)
        self._listed = 0
        self._memory: dict[str, list[float]] = defaultdict(list)
        self._seconds = 0.0

    async def go(self) -> None:
        """Post all events and follow the inbox until all are listed."""
        started = time.monotonic()
        sampler = asyncio.create_task(self._sample())
        headers = {"Authorization": f"Bearer {self._dev.api_key}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(base_url=self._dev.url, headers=headers, timeout=60, trust_env=False) as client:
            batches = iter(range(0, self._wanted, _BATCH))
            async with asyncio.TaskGroup() as group:
                for _ in range(_IN_FLIGHT):
                    group.create_task(self._post_all(client, batches))
                group.create_task(self._follow(client))
        sampler.cancel()
        self._seconds = time.monotonic() - started

    async def _post_all(self, client: httpx.AsyncClient, batches: Iterator[int]) -> None:
        for first in batches:
            # The emulator's queue slows down with its backlog, so posting waits for the worker.
            while self._posted - self._listed > _MAX_AHEAD:  # noqa: ASYNC110 (another process does the work)
                await asyncio.sleep(0.1)
            await self._post(client, first, min(_BATCH, self._wanted - first))

    async def _post(self, client: httpx.AsyncClient, first: int, count: int) -> None:
        events = payloads.events(count, seed=first)
        named = [b'{"id":"%d",%b' % (first + index, event[1:]) for index, event in enumerate(events)]
        while True:
            answer = await client.post("/v1/events", content=payloads.batch(named))
            if answer.status_code not in _BUSY:
                break
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
        if answer.status_code != httpx.codes.ACCEPTED:
            raise RuntimeError(f"answered {answer.status_code}: {answer.text}")
        self._posted += count

    async def _follow(self, client: httpx.AsyncClient) -> None:
        cursor, changed = "", time.monotonic()
        while self._listed < self._wanted:
            if time.monotonic() - changed > _STILL_SECONDS:
                raise RuntimeError(f"{self._posted:,} posted, but only {self._listed:,} listed and no more coming")
            answer = await client.get("/v1/inbox", params={"limit": "1000"} | ({"after": cursor} if cursor else {}))
            if answer.status_code in _BUSY:
                await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
                continue
            page = _page.decode(answer.content)
            cursor = page.next
            for event in page.events:
                self._count(int(event.id))
            if page.events:
                changed = time.monotonic()
            if not page.more:
                await asyncio.sleep(0.5)

    def _count(self, number: int) -> None:
        if self._seen[number]:
            raise RuntimeError(f"event {number} is listed twice")
        self._seen[number] = 1
        self._listed += 1

    async def _sample(self) -> None:
        while True:
            for process in self._server.children(recursive=True):
                name = _name_of(process)
                if name:
                    self._memory[name].append(process.memory_info().rss / _MIB)
            self._console.print(f"{self._posted:,} posted, {self._listed:,} listed", end="\r")
            await asyncio.sleep(_SAMPLE_SECONDS)

    def show(self) -> None:
        """Print what it took. A process is flat if its last tenth is no larger than its second."""
        rate = self._wanted / self._seconds
        self._console.print(
            f"{self._listed:,} events, each listed once, both queues empty, in {self._seconds:,.0f} s ({rate:,.0f}/s)"
        )
        table = Table("process", "MiB at first", "a tenth in", "half way", "at the end", "most")
        for name, found in self._memory.items():
            at = [found[0], found[len(found) // 10], found[len(found) // 2], found[-1], max(found)]
            table.add_row(name, *(f"{value:.0f}" for value in at))
        self._console.print(table)


def _name_of(process: psutil.Process) -> str | None:
    try:
        command = process.cmdline()
    except psutil.Error:  # it ended as we looked
        return None
    names = {"ministack": "emulator", "worker": "worker", "serve": "api"}
    return next((name for word, name in names.items() if word in command), None)
