"""The embedded stack under a long load: `script/server` with default settings, a million events, each read back.

Each inbox gets a hundred events and is followed by its cursor as they arrive: a consumer must see them all. At the end
both queues must be empty, and each inbox, read again from its beginning, must list each of its events once. Memory of
each process is sampled meanwhile. A follower may see an event twice in the case that the guarantees name: the store did
not answer for longer than `SETTLE_MS`.
"""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from bench import payloads
from bench.server import Page, Server, memory_mib, parts, serving

_INBOX = 100
_INBOXES_AT_ONCE = 16
_WAIT_SECONDS = 5
_STILL_SECONDS = 120
_SAMPLE_SECONDS = 2.0
_BUSY = (429, 503)


_page = msgspec.json.Decoder(Page)


def soak(events: int, console: Console) -> None:
    """Run a soak; raise if an event is missing or listed twice, or anything is still in a queue."""
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as (server, dev):
        run = _Run(server, dev, events, console)
        asyncio.run(run.go())
        run.show()


async def _until_drained(client: httpx.AsyncClient) -> None:
    """Return when both queues are empty; raise if that takes too long, or an event is dead-lettered."""
    deadline = time.monotonic() + _STILL_SECONDS
    while (counts := (await _asked(client, "GET", "/v1/queue")).json()) != {"waiting": 0, "dead": 0}:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the queues still hold {counts}")
        await asyncio.sleep(1)


class _Run:
    """One soak: posts, follows, samples. Event n is in inbox n // 100."""

    def __init__(self, server: psutil.Process, dev: Server, events: int, console: Console) -> None:
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
        watching = asyncio.create_task(self._watch())
        async with httpx.AsyncClient(
            base_url=self._dev.url, headers=self._dev.headers, timeout=60, trust_env=False
        ) as client:
            started = time.monotonic()
            await self._for_each_inbox(partial(self._fill_and_follow, client))
            self._seconds = time.monotonic() - started
            await _until_drained(client)
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
                for name, process in parts(self._server).items():
                    self._memory[name].append(memory_mib(process))
                status.update(f"{self._posted:,} posted, {self._listed:,} listed, {self._checked:,} read again")
                await asyncio.sleep(_SAMPLE_SECONDS)

    def show(self) -> None:
        """Print the figures. A process is flat if its last tenth is no larger than its second."""
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


async def _pages(client: httpx.AsyncClient, inbox: str, *, wait: int) -> AsyncIterator[Page]:
    """Yield pages of `inbox` by its cursor, without end."""
    params = {"inbox": inbox, "limit": str(_INBOX), "wait": str(wait)}
    while True:
        page = _page.decode((await _asked(client, "GET", "/v1/inbox", params=params)).content)
        params["after"] = page.next
        yield page


def _numbers_of(page: Page) -> list[int]:
    return [int(event.id) for event in page.events]


async def _asked(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401
    """Return the answer; retry while the server is overloaded."""
    while True:
        answer = await client.request(method, path, **more)
        if answer.status_code not in _BUSY:
            break
        await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
    if answer.is_error:
        raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text}")
    return answer
