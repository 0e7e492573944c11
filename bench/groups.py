"""Consumer groups: write units an event, counted; leases a second of one group, and events a second of its members.

The units are those that DynamoDB would bill for the ledger's writes: its items are built as the table stores them, and
measured by its rules. The rates are those of the embedded server on SQLite, through HTTP.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from rich.console import Console
from rich.table import Table

from bench import payloads
from bench.processes import ROOT
from bench.server import Server, serving
from cli.local import emulator
from shared.aws.group_items import ledger_item
from shared.clock import SystemClock
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.group_store import MemoryGroupStore
from shared.model.groups import GroupConfig, GroupName, Ledger, Window
from shared.model.position import Minter
from shared.model.records import Place, StoredEvent
from shared.settings import Settings
from worker.groups.groups import Groups

MEMBERS = 8
GOALS = {1: 2.0, 10: 0.25, 100: 0.03}
"""Write units an event at most, by events a lease."""

_UNIT_BYTES = 1024
_GROUP = GroupName("acme", "default", "billing")
_LEASE_SECONDS = 300
_BATCH = 100
_RATE_SECONDS = 10.0
_HANDLING_MS = 5
_MEMBER_SECONDS = 12.0


class CountingStore(MemoryGroupStore):
    """Counts the write units of a ledger's changes: those of the larger of its sizes before and after."""

    def __init__(self) -> None:
        super().__init__()
        self.units = 0

    async def open(self, group: GroupName, seen: Ledger, frontier: str, windows: Mapping[str, Window]) -> bool:
        """Count an opening."""
        before = self._bytes(group)
        done = await super().open(group, seen, frontier, windows)
        self._count(group, before)
        return done

    async def exchange(self, group: GroupName, key: str, seen: Window, windows: Mapping[str, Window]) -> bool:
        """Count a change of a window."""
        before = self._bytes(group)
        done = await super().exchange(group, key, seen, windows)
        self._count(group, before)
        return done

    def _count(self, group: GroupName, before: int) -> None:
        self.units += -(-max(before, self._bytes(group)) // _UNIT_BYTES)

    def _bytes(self, group: GroupName) -> int:
        item = ledger_item(group, self.ledgers[group])
        return sum(len(name.encode()) + size_of(value) for name, value in item.items())


def size_of(value: Mapping[str, Any]) -> int:
    """Return the bytes of an attribute's value by DynamoDB's rules."""
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return 1 + -(-len(content) // 2)
        case "B":
            return len(content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + size_of(one) for name, one in content.items())
        case _:
            return 1


async def units_an_event(limit: int, members: int) -> float:
    """Return the write units an event of `members` that lease `limit` events at a time, all with an open lease."""
    clock, settings = SystemClock(), Settings()
    store, events = CountingStore(), MemoryStore(clock)
    groups = Groups(store, events, MemoryBodies(), clock, settings)
    minter, count = Minter(clock), limit * max(members, 4) * 4
    await events.insert_events([_event(minter.mint(), clock) for _ in range(count)])
    await asyncio.sleep(settings.settle_ms / 1000 + 0.01)
    await groups.admin.create(_GROUP, GroupConfig())
    store.units = 0

    async def lease() -> str | None:
        found = await groups.lease(_GROUP, limit=limit, seconds=_LEASE_SECONDS)
        return None if found is None else found.key

    held = [key for _ in range(members) if (key := await lease())]
    while held:
        await groups.ack(_GROUP, held.pop(0))
        if key := await lease():
            held.append(key)
    await groups.aclose()
    return store.units / count


def _event(position: str, clock: SystemClock) -> StoredEvent:
    body = b'{"specversion":"1.0","id":"%b","source":"/","type":"t"}' % position.encode()
    place = Place(_GROUP.tenant, _GROUP.inbox, position)
    now_ms = clock.wall_ms()
    return StoredEvent(place=place, type="t", body=body, accepted_at=now_ms, expires_at=now_ms // 1000 + 86_400)


def groups(console: Console, *, events: int) -> None:
    """Print the figures; `events` wait in the inbox whose leases are measured."""
    table = Table("what", "measured", "goal")
    for limit, goal in GOALS.items():
        for members in (1, MEMBERS):
            units = asyncio.run(units_an_event(limit, members))
            what = f"write units an event, {limit} a lease, {members} member{'s' * (members > 1)}"
            table.add_row(what, f"{units:.3f}", f"≤ {goal}" if members == 1 else "")
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as (_, server):
        with console.status("posting"):
            asyncio.run(_fill(server, events))
        for processes in (1, 4):
            with _groups_server(Path(directory), processes) as url, console.status(f"{processes} processes"):
                rate = asyncio.run(_leases_a_second(url, server.headers, f"rate-{processes}"))
                table.add_row(f"leases with acks a second, one event each, {processes} process(es)", f"{rate:,.0f}", "")
                rates = [
                    asyncio.run(_events_a_second(url, server.headers, f"{members}-of-{processes}", members))
                    for members in (1, MEMBERS)
                ]
                share = rates[1] / (MEMBERS * rates[0])
                what = f"events a second, handled in {_HANDLING_MS} ms, {processes} process(es): one member, {MEMBERS}"
                table.add_row(what, f"{rates[0]:,.0f}, {rates[1]:,.0f} ({share:.2f} of {MEMBERS} times)", "≥ 0.875")
    console.print(table)


async def _fill(server: Server, events: int) -> None:
    bodies = payloads.events(1000)
    async with aiohttp.ClientSession(headers=server.headers) as session:
        for first in range(0, events, _BATCH):
            some = [b'{"id":"%d",%b' % (number, bodies[number % 1000][1:]) for number in range(first, first + _BATCH)]
            headers = {"Content-Type": "application/json"}
            async with session.post(f"{server.url}/v1/events", data=payloads.batch(some), headers=headers) as answer:
                answer.raise_for_status()
        undelivered = 0
        while undelivered < min(events, 10_000):
            await asyncio.sleep(0.5)
            async with session.get(f"{server.url}/v1/inbox", params={"limit": 1, "count": "true"}) as answer:
                undelivered = int(str((await answer.json())["undelivered"]).rstrip("+"))


@contextmanager
def _groups_server(directory: Path, processes: int) -> Iterator[str]:
    port = emulator.free_port()
    command = [sys.executable, "-m", "cli", "serve", "groups", "--data", str(directory / "triggers")]
    environ = {**os.environ, "LOG_LEVEL": "WARNING"}
    command += ["--port", str(port), "--processes", str(processes)]
    with subprocess.Popen(command, env=environ, cwd=ROOT) as process:  # noqa: S603
        try:
            url = f"http://127.0.0.1:{port}"
            while not emulator.answers(f"{url}/readyz"):
                if process.poll() is not None:
                    raise RuntimeError("triggers serve groups did not start")
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait(30)


async def _leases_a_second(url: str, headers: Mapping[str, str], group: str) -> float:
    """Return how many single events all members together lease and ack in a second."""
    end = time.monotonic() + _RATE_SECONDS
    async with aiohttp.ClientSession(url, headers=headers) as session:

        async def work() -> int:
            leases = 0
            while time.monotonic() < end:
                leases += bool(await _lease_and_ack(session, group, limit=1, handling_ms=0))
            return leases

        return sum(await asyncio.gather(*(work() for _ in range(MEMBERS)))) / _RATE_SECONDS


async def _events_a_second(url: str, headers: Mapping[str, str], group: str, members: int) -> float:
    """Return how many events members handle in a second, each of which takes `_HANDLING_MS`."""
    end = time.monotonic() + _MEMBER_SECONDS
    async with aiohttp.ClientSession(url, headers=headers) as session:

        async def work() -> int:
            events = 0
            while time.monotonic() < end:
                events += await _lease_and_ack(session, group, limit=_BATCH, handling_ms=_HANDLING_MS)
            return events

        began = time.monotonic()
        handled = sum(await asyncio.gather(*(work() for _ in range(members))))
        return handled / (time.monotonic() - began)


async def _lease_and_ack(session: aiohttp.ClientSession, group: str, *, limit: int, handling_ms: int) -> int:
    """Lease, handle and ack up to `limit` events; return how many there were."""
    async with session.post("/v1/leases", json={"group": group, "limit": limit}) as answer:
        answer.raise_for_status()
        lease = msgspec.json.decode(await answer.read(), type=_Lease)
    if lease.lease is None:
        raise RuntimeError("the inbox has no more events; run with a larger backlog")
    await asyncio.sleep(handling_ms * len(lease.events) / 1000)
    async with session.post(f"/v1/leases/{lease.lease}/ack") as answer:
        answer.raise_for_status()
    return len(lease.events)


class _Lease(msgspec.Struct, frozen=True):
    lease: str | None
    events: Sequence[msgspec.Raw]
