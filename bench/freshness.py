"""From a POST until a long poll returns the event: with and without early reads, in an idle and in a busy inbox."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from bench.results import percentile
from bench.server import Page, serving

_BUSY_RATE = 200  # events per second
_PAUSES_SECONDS = (0.02, 0.11, 0.37, 0.73)
_BEHIND_SECONDS = 30


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The delays in ms of one case, sorted."""

    backend: str
    early: bool
    busy: bool
    delays_ms: Sequence[float]


def freshness(samples: int, console: Console) -> None:
    """Measure `samples` events of each case; print median, 99th percentile and the worst."""
    table = Table("backend", "inbox", "read", "p50, ms", "p99, ms", "worst, ms")
    for backend, arguments in (("SQLite", []), ("emulator", ["--emulator"])):
        with tempfile.TemporaryDirectory() as directory, serving(Path(directory), *arguments) as (_, server):
            for row in asyncio.run(_rows(backend, server.url, server.headers, samples, console)):
                found = row.delays_ms
                table.add_row(
                    row.backend,
                    f"{_BUSY_RATE} events/s" if row.busy else "idle",
                    "early" if row.early else "ordinary",
                    *(f"{value:.0f}" for value in (percentile(found, 50), percentile(found, 99), found[-1])),
                )
    console.print(table)


async def _rows(backend: str, url: str, headers: dict[str, str], samples: int, console: Console) -> list[Row]:
    rows = []
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        for busy in (False, True):
            for early in (True, False):
                with console.status(f"measuring: {backend}, {'busy' if busy else 'idle'}, {early=}"):
                    case = _Case(client, f"{'busy' if busy else 'idle'}-{str(early).lower()}", early=early)
                    delays = await (case.busy(samples) if busy else case.idle(samples))
                rows.append(Row(backend=backend, early=early, busy=busy, delays_ms=delays))
    return rows


class _Case:
    """One inbox with a producer and a follower."""

    def __init__(self, client: httpx.AsyncClient, inbox: str, *, early: bool) -> None:
        self._client = client
        self._inbox = inbox
        self._early = str(early).lower()
        self._posted: dict[str, float] = {}
        self._delays: list[float] = []
        self._seen = asyncio.Condition()

    async def idle(self, samples: int) -> list[float]:
        """Post one event after the other, each some time after the last was returned."""
        follower = asyncio.create_task(self._follow())
        for number in range(samples):
            await asyncio.sleep(_PAUSES_SECONDS[number % len(_PAUSES_SECONDS)])
            await self._post(number)
            await self._until_seen(number + 1)
        follower.cancel()
        return sorted(self._delays)

    async def busy(self, samples: int) -> list[float]:
        """Post at a constant rate, however long the answers take."""
        follower = asyncio.create_task(self._follow())
        began = time.perf_counter()
        async with asyncio.TaskGroup() as posts:
            for number in range(samples):
                await asyncio.sleep(max(0.0, began + number / _BUSY_RATE - time.perf_counter()))
                posts.create_task(self._post(number))
        await self._until_seen(samples)
        follower.cancel()
        return sorted(self._delays)

    async def _post(self, number: int) -> None:
        self._posted[str(number)] = time.perf_counter()
        body = b'{"type":"t","id":"%d","data":{"n":%d}}' % (number, number)
        (await self._client.post("/v1/events", params={"inbox": self._inbox}, content=body)).raise_for_status()

    async def _follow(self) -> None:
        cursor: dict[str, str] = {}
        while True:
            params = {"inbox": self._inbox, "limit": "1000", "wait": "20", "early": self._early, **cursor}
            answer = await self._client.get("/v1/inbox", params=params)
            answer.raise_for_status()
            now, page = time.perf_counter(), msgspec.json.decode(answer.content, type=Page)
            self._delays += [(now - self._posted.pop(event.id)) * 1000 for event in page.events]
            cursor = {"after": page.next}
            async with self._seen:
                self._seen.notify_all()

    async def _until_seen(self, count: int) -> None:
        async with asyncio.timeout(_BEHIND_SECONDS), self._seen:
            await self._seen.wait_for(lambda: len(self._delays) >= count)
