"""The embedded server against its goals: start and stop, freshness, a backlog, pages of a large inbox.

Everything goes through `script/server` and HTTP, so the same run measures it on SQLite and on the emulator of AWS.
"""

import asyncio
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from bench import payloads
from bench.server import Page, Server, memory_mib, parts, serving

_BATCH = 100
_SAMPLES = 200
_PAGES = 300
_STILL_SECONDS = 60


class Figures(msgspec.Struct, kw_only=True):
    """The measurements of one server. Times are in milliseconds unless the name says otherwise."""

    start_seconds: float = 0
    stop_seconds: float = 0
    readable: list[float] = []
    stored_per_second: float = 0
    missed: int = 0
    seen_twice: int = 0
    pages: list[float] = []
    inbox_events: int = 0
    memory_mib: dict[str, float] = {}


def single_machine(events: int, emulator_events: int, console: Console) -> None:
    """Measure the SQLite server with `events`, the emulator with `emulator_events` (0: skip it); print both."""
    found = {"SQLite": _measured(events, console)}
    if emulator_events:
        found["emulator"] = _measured(emulator_events, console, "--emulator")
    _show(found, console)


def _measured(events: int, console: Console, *arguments: str) -> Figures:
    figures = Figures()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        with serving(path, *arguments):
            pass  # create the files, and warm the disk cache
        began = time.monotonic()
        with serving(path, *arguments) as (process, server):
            figures.start_seconds = time.monotonic() - began
            with console.status("measuring"):
                asyncio.run(_drive(process, server, events, figures))
            figures.memory_mib = {name: memory_mib(part) for name, part in parts(process).items()}
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait(60)
            figures.stop_seconds = time.monotonic() - began
    return figures


async def _drive(process: psutil.Process, server: Server, events: int, figures: Figures) -> None:
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=60, trust_env=False) as client:
        figures.readable = [await _readable_ms(client, number) for number in range(_SAMPLES)]
        cursors = await _backlog(client, parts(process)["worker"], events, figures)
        figures.inbox_events = events
        for number in range(_PAGES):
            began = time.perf_counter()
            await _page(client, inbox="backlog", after=cursors[number * 7919 % len(cursors)], limit=str(_BATCH))
            figures.pages.append((time.perf_counter() - began) * 1000)


async def _readable_ms(client: httpx.AsyncClient, number: int) -> float:
    """Return the time from a POST until a long poll returns the event."""
    inbox = f"fresh-{number % 10}"
    start = (await _page(client, inbox=inbox, limit="1000")).next
    waiting = asyncio.create_task(_page(client, inbox=inbox, after=start, wait="10"))
    await asyncio.sleep(0.02 + number % 7 / 100)
    began = time.perf_counter()
    answer = await client.post("/v1/events", params={"inbox": inbox}, content=b'{"type":"t","data":{"n":%d}}' % number)
    answer.raise_for_status()
    if not (await waiting).events:
        raise RuntimeError("the long poll came back empty")
    return (time.perf_counter() - began) * 1000


async def _backlog(client: httpx.AsyncClient, worker: psutil.Process, events: int, figures: Figures) -> list[str]:
    """Let `events` wait in the queue, then have the worker store them while a follower reads; return its cursors."""
    worker.suspend()
    bodies = payloads.events(1000)
    for first in range(0, events, _BATCH * 16):
        await asyncio.gather(
            *(_post(client, start, bodies) for start in range(first, min(first + _BATCH * 16, events), _BATCH))
        )
    worker.resume()
    began, changed = time.monotonic(), time.monotonic()
    seen: set[str] = set()
    cursors = [""]
    while len(seen) < events and time.monotonic() - changed < _STILL_SECONDS:
        page = await _page(client, inbox="backlog", after=cursors[-1], limit="1000", wait="1")
        figures.seen_twice += sum(event.id in seen for event in page.events)
        seen.update(event.id for event in page.events)
        if page.events:
            cursors.append(page.next)
            changed = time.monotonic()
    figures.stored_per_second = events / (changed - began)
    figures.missed = events - len(seen)
    return cursors[1:]


async def _post(client: httpx.AsyncClient, first: int, bodies: Sequence[bytes]) -> None:
    some = [b'{"id":"%d",%b' % (number, bodies[number % 1000][1:]) for number in range(first, first + _BATCH)]
    while True:
        answer = await client.post("/v1/events", params={"inbox": "backlog"}, content=payloads.batch(some))
        if answer.status_code not in (429, 503):
            answer.raise_for_status()
            return
        await asyncio.sleep(0.1)


async def _page(client: httpx.AsyncClient, **params: str) -> Page:
    while True:
        answer = await client.get("/v1/inbox", params={name: value for name, value in params.items() if value})
        if answer.status_code not in (429, 503):
            answer.raise_for_status()
            return msgspec.json.decode(answer.content, type=Page)
        await asyncio.sleep(0.1)


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _show(found: dict[str, Figures], console: Console) -> None:
    table = Table("what", *found)
    rows: dict[str, Callable[[Figures], str]] = {
        "warm start, s": lambda one: f"{one.start_seconds:.2f}",
        "Ctrl-C, s": lambda one: f"{one.stop_seconds:.2f}",
        "POST to readable, ms, p50": lambda one: f"{statistics.median(one.readable):.0f}",
        "p99": lambda one: f"{_percentile(one.readable, 0.99):.0f}",
        "backlog, events": lambda one: f"{one.inbox_events:,}",
        "stored with a follower, events/s": lambda one: f"{one.stored_per_second:,.0f}",
        "missed / seen twice": lambda one: f"{one.missed} / {one.seen_twice}",
        "page of 100 of that inbox, ms, p50": lambda one: f"{statistics.median(one.pages):.1f}",
        "page p99": lambda one: f"{_percentile(one.pages, 0.99):.1f}",
        "memory, MiB": lambda one: ", ".join(f"{name} {value:.0f}" for name, value in one.memory_mib.items()),
    }
    for what, show in rows.items():
        table.add_row(what, *(show(one) for one in found.values()))
    console.print(table)
