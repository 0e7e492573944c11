"""The embedded stack under a long load: `script/server` as anybody starts it, a million events, every one read back.

Each inbox gets a hundred events and is followed by its cursor as they arrive: a consumer must see them all. At the end
both queues must be empty, and each inbox, read again from its beginning, must list each of its events once. Memory of
each process is sampled all the while. A follower may see an event twice, in the case that docs/guarantees.md describes:
the table does not answer for longer than `SETTLE_MS`. The emulator does that when it looks for what has expired.

Many inboxes, since the emulator's Query looks at every item of a partition: one inbox of a million would measure that.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from bench import payloads
from bench.processes import ROOT
from cli.local import emulator
from cli.local.dev_data import emulator_port
from shared.aws.clients import Aws
from shared.settings import Settings

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_sqs import SQSClient

_INBOX = 100
_INBOXES_AT_ONCE = 16
_WAIT_SECONDS = 5
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
    """Run it; raise if an event is missing or listed twice, or anything is still in a queue."""
    with tempfile.TemporaryDirectory() as directory, _server(Path(directory)) as (server, dev):
        os.environ.update(emulator.client_environment(emulator_port(Path(directory) / "triggers")))
        run = _Run(server, dev, events, console)
        asyncio.run(run.go())
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
    """One soak: posts, follows, samples. Event n is in inbox n // 100."""

    def __init__(self, server: psutil.Process, dev: _Dev, events: int, console: Console) -> None:
        self._server = server
        self._dev = dev
        self._wanted = events
        self._console = console
        self._posted = 0
        self._listed = 0
        self._seen_twice = 0
        self._checked = 0
        self._memory: dict[str, list[float]] = defaultdict(list)
        self._seconds = 0.0

    async def go(self) -> None:
        """Post all events and follow the inboxes until all are listed; then read everything again."""
        headers = {"Authorization": f"Bearer {self._dev.api_key}", "Content-Type": "application/json"}
        watching = asyncio.create_task(self._watch())
        async with httpx.AsyncClient(base_url=self._dev.url, headers=headers, timeout=60, trust_env=False) as client:
            started = time.monotonic()
            await self._for_each_inbox(partial(self._fill_and_follow, client))
            self._seconds = time.monotonic() - started
            await _until_drained(Settings())
            await self._for_each_inbox(partial(self._check, client))
        watching.cancel()

    async def _for_each_inbox(self, do: Callable[[range], Awaitable[None]]) -> None:
        inboxes = iter([range(first, min(first + _INBOX, self._wanted)) for first in range(0, self._wanted, _INBOX)])

        async def one_by_one() -> None:
            for numbers in inboxes:
                await do(numbers)

        async with asyncio.TaskGroup() as group:
            for _ in range(_INBOXES_AT_ONCE):
                group.create_task(one_by_one())

    async def _fill_and_follow(self, client: httpx.AsyncClient, numbers: range) -> None:
        events = payloads.events(len(numbers), seed=numbers.start)
        named = [b'{"id":"%d",%b' % (number, event[1:]) for number, event in zip(numbers, events, strict=True)]
        await _asked(client, "POST", "/v1/events", params={"inbox": _name(numbers)}, content=payloads.batch(named))
        self._posted += len(numbers)
        missing, changed = set(numbers), time.monotonic()
        async for page in _pages(client, _name(numbers), wait=_WAIT_SECONDS):
            for number in _numbers_of(page):
                self._seen_twice += number not in missing
                missing.discard(number)
            self._listed += len(page.events)
            if not missing:
                break
            if page.events:
                changed = time.monotonic()
            if time.monotonic() - changed > _STILL_SECONDS:
                raise RuntimeError(f"{_name(numbers)}: {len(missing):,} events are missing and no more come")

    async def _check(self, client: httpx.AsyncClient, numbers: range) -> None:
        listed: list[int] = []
        async for page in _pages(client, _name(numbers), wait=0):
            listed += _numbers_of(page)
            if not page.more:
                break
        if sorted(listed) != list(numbers):
            raise RuntimeError(f"{_name(numbers)} lists {len(listed):,} events, not each of its {len(numbers):,} once")
        self._checked += len(numbers)

    async def _watch(self) -> None:
        with self._console.status("starting") as status:
            while True:
                for process in self._server.children(recursive=True):
                    if name := _name_of(process):
                        self._memory[name].append(process.memory_info().rss / _MIB)
                status.update(f"{self._posted:,} posted, {self._listed:,} listed, {self._checked:,} read again")
                await asyncio.sleep(_SAMPLE_SECONDS)

    def show(self) -> None:
        """Print what it took. A process is flat if its last tenth is no larger than its second."""
        rate = self._wanted / self._seconds
        self._console.print(
            f"{self._checked:,} events, each listed once, in {self._seconds:,.0f} s ({rate:,.0f}/s); both queues empty;"
            f" {self._seen_twice:,} seen twice by who followed"
        )
        table = Table("process", "MiB at first", "a tenth in", "half way", "at the end", "most")
        for name, found in self._memory.items():
            at = [found[0], found[len(found) // 10], found[len(found) // 2], found[-1], max(found)]
            table.add_row(name, *(f"{value:.0f}" for value in at))
        self._console.print(table)


def _name(numbers: range) -> str:
    return f"soak-{numbers.start // _INBOX}"


async def _pages(client: httpx.AsyncClient, inbox: str, *, wait: int) -> AsyncIterator[_Page]:
    """Yield pages of `inbox` by its cursor, without end."""
    params = {"inbox": inbox, "limit": str(_INBOX), "wait": str(wait)}
    while True:
        page = _page.decode((await _asked(client, "GET", "/v1/inbox", params=params)).content)
        params["after"] = page.next
        yield page


def _numbers_of(page: _Page) -> list[int]:
    return [int(event.id) for event in page.events]


async def _asked(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401
    """Return the answer, asked again as long as there is too much to do."""
    while True:
        answer = await client.request(method, path, **more)
        if answer.status_code not in _BUSY:
            break
        await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
    if answer.is_error:
        raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text}")
    return answer


def _name_of(process: psutil.Process) -> str | None:
    try:
        command = process.cmdline()
    except psutil.Error:  # it ended as we looked
        return None
    names = {"ministack": "emulator", "worker": "worker", "serve": "api"}
    return next((name for word, name in names.items() if word in command), None)
