"""SQLite as a backend, through the ports: `.venv/bin/python -m bench.sqlite`. Figures, not goals: see README."""

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from shared.clock import SystemClock
from shared.model.event import Identity
from shared.model.position import FIRST, Minter
from shared.model.records import Guard, Place, StoredEvent
from shared.ports import EventQueue, EventStore, Outgoing
from shared.settings import Settings
from shared.sqlite.backend import SqliteBackend

_EVENTS = 100_000
_CHUNK = 25
_PAGES = 300
_SENDS = 4_000
_BODY = b'{"specversion":"1.0","data":"' + b"x" * 670 + b'"}'
_PACK = "z" + "x" * 2_000
_TYPES = ("order.created", "order.paid")


class _Spent:
    """Wall time and CPU time of a block, per `count`."""

    def __init__(self, what: str, count: int) -> None:
        self._what, self._count = what, count

    def __enter__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        rate, wall_us, cpu_us = self._count / wall, wall / self._count * 1e6, cpu / self._count * 1e6
        _print(f"{self._what:<52}{rate:>10,.0f}/s {wall_us:>8.1f} µs {cpu_us:>8.1f} µs CPU")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _in_parallel(count: int, clients: int, one: Callable[[], Awaitable[object]]) -> None:
    left = iter(range(count))

    async def client() -> None:
        for _ in left:
            await one()

    await asyncio.gather(*(client() for _ in range(clients)))


async def _store(store: EventStore, minter: Minter, inbox: str) -> None:
    """Store a chunk as a worker does: claim, then commit."""
    now = SystemClock().wall_ms()
    positions = [minter.mint() for _ in range(_CHUNK)]
    guards = [
        Guard(
            identity=Identity("acme", inbox, "/", str(uuid.uuid4())),
            receipt=position,
            position=position,
            accepted_at=now,
            digest="0123456789abcdef",
            expires_at=now // 1000 + 86_400,
        )
        for position in positions
    ]
    events = [
        StoredEvent(
            place=Place("acme", inbox, position),
            type=_TYPES[number % 2],
            body=_BODY,
            accepted_at=now,
            expires_at=now // 1000 + 86_400,
        )
        for number, position in enumerate(positions)
    ]
    await store.insert_guards(guards)
    await store.insert_events(events)


async def _measure_events(backend: SqliteBackend) -> None:
    store, minter = await backend.event_store(), Minter(SystemClock())
    for clients, inbox in ((1, "default"), (4, "other"), (16, "third")):
        with _Spent(f"events stored with guards, {clients} chunks of {_CHUNK} at once", _EVENTS):
            await _in_parallel(_EVENTS // _CHUNK, clients, lambda inbox=inbox: _store(store, minter, inbox))  # type: ignore[misc]
    reader = await backend.event_reader()
    end = minter.mint()
    for what, types in (("page of 100", ()), ("page of 100, one type of two", _TYPES[:1])):
        start = Place("acme", "default", FIRST)
        with _Spent(f"{what} in an inbox of {_EVENTS:,}", _PAGES):
            for _ in range(_PAGES):
                page = await reader.query(start, shard=0, before=end, limit=100, types=types)
                start = start._replace(position=page.scanned_to or FIRST)


async def _measure_sends(queue: EventQueue) -> None:
    for clients in (1, 4, 32):
        with _Spent(f"sends of one message, {clients} at once", _SENDS):
            await _in_parallel(_SENDS, clients, lambda: queue.send([Outgoing(body=_PACK)]))
    received = 0
    with _Spent("messages received and deleted, 10 a call", 3 * _SENDS):
        while messages := await queue.receive(limit=10, wait_seconds=0, visibility_seconds=60):
            await queue.delete(messages)
            received += len(messages)
    if received != 3 * _SENDS:
        raise RuntimeError(f"{received} messages of {3 * _SENDS} came")


async def _measure_waiting(queue: EventQueue) -> None:
    started = time.process_time()
    await queue.receive(limit=1, wait_seconds=10, visibility_seconds=60)
    _print(f"{'CPU of a process that waits for a message':<52}{(time.process_time() - started) * 10:>10.2f} %")


async def _measure_two_processes(queue: EventQueue, directory: str) -> None:
    """Receive what another process sends, slowly and then as fast as it can; its latency is on the wall clock."""
    for what, pause in (("at 50 a second", 0.02), ("as fast as it can", 0.0)):
        sender = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.sqlite", directory, str(pause), stdout=asyncio.subprocess.PIPE
        )
        latencies = []
        for _ in itertools.repeat(None):
            messages = await queue.receive(limit=10, wait_seconds=2, visibility_seconds=60)
            now = time.time()
            if not messages:
                break
            latencies += [(now - float(message.body)) * 1000 for message in messages]
            await queue.delete(messages)
        output, _ = await sender.communicate()
        cuts = statistics.quantiles(latencies, n=100)
        _print(f"from another process that sends {what}: {len(latencies):,} messages, send to received")
        _print(f"    p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms; its sends: {output.decode().strip()}")


async def _send(directory: str, pause: float) -> None:
    """Send for three seconds from a process of its own, and print how long a send takes."""
    backend = SqliteBackend(Settings(data_dir=directory), SystemClock())
    queue, times = await backend.queue(), []
    end = time.perf_counter() + 3
    while (started := time.perf_counter()) < end:
        await queue.send([Outgoing(body=str(time.time()))])
        times.append((time.perf_counter() - started) * 1000)
        if pause:
            await asyncio.sleep(pause)
    cuts = statistics.quantiles(times, n=100)
    _print(f"{len(times) / 3:,.0f}/s, p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.1f} ms, most {max(times):.0f} ms")
    await backend.aclose()


async def _main(directory: str) -> None:
    backend = SqliteBackend(Settings(data_dir=directory), SystemClock())
    try:
        await _measure_events(backend)
        queue = await backend.queue()
        await _measure_sends(queue)
        await _measure_waiting(queue)
        await _measure_two_processes(queue, directory)
    finally:
        await backend.aclose()


if __name__ == "__main__":
    if sys.argv[1:]:
        uvloop.run(_send(sys.argv[1], float(sys.argv[2])))
    else:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as temporary:
            uvloop.run(_main(temporary))
            size = Path(temporary, "events.db").stat().st_size
            _print(f"events.db: {size / (3 * _EVENTS):,.0f} bytes an event of {len(_BODY)} bytes")
