"""The first uses of a thousand keys, by a server that restarts under load: `python -m bench.restart`.

Posts an event of each of 1,000 keys a second, in turns, to `triggers serve ingest` on SQLite, restarts that, and sends
it as many from the time when it is ready, as a load balancer does. Each key is verified by bcrypt at its first use.
Exits with 1 if a request is not answered with 202, or the p99 of the first uses is not under 20 ms.
"""

import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvloop

from bench.client import Connection
from cli.local import emulator
from shared.clock import SystemClock
from shared.model import api_key
from shared.settings import Settings
from shared.sqlite.backend import SqliteBackend

_KEYS = 1_000
_RATE = 1_000
_SECONDS_BEFORE, _SECONDS_AFTER = 3, 3
_GOAL_MS = 20.0
_BODY = b'{"type":"t","data":1}'
_ACCEPTED = 202


class Load:
    """A request of each key in turn, at a fixed rate, whether the server keeps up or not."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        self._port = port
        head = "POST /v1/events HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        self._requests = [
            f"{head}x-api-key: {token}\r\ncontent-length: {len(_BODY)}\r\n\r\n".encode() + _BODY for token in tokens
        ]
        self._idle: list[Connection] = []
        self.statuses: Counter[int] = Counter()
        self.first_uses: dict[int, float] = {}  # milliseconds from when it was due, by key, since `run`

    async def run(self, seconds: float) -> None:
        """Send for `seconds`, counting from now on, and wait for the answers."""
        self.statuses.clear()
        self.first_uses.clear()
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(_RATE * seconds)):
                due = began + number / _RATE
                if (early := due - time.perf_counter()) > 0:
                    await asyncio.sleep(early)
                group.create_task(self._send(number % len(self._requests), due))

    async def _send(self, key: int, due: float) -> None:
        connection = await self._connection()
        status = await _sent(connection, self._requests[key])
        self.statuses[status] += 1
        self.first_uses.setdefault(key, (time.perf_counter() - due) * 1000)
        self._idle.append(connection)

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return await Connection.open(self._port)


async def _sent(connection: Connection, request: bytes) -> int:
    """Send `request`; return the status of the answer."""
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    connection.send(request, answer.set_result)
    return await answer


async def _tokens(directory: Path) -> list[str]:
    """Create the keys in the data directory."""
    backend, now_ms, tokens = (
        SqliteBackend(Settings(data_dir=str(directory)), SystemClock()),
        SystemClock().wall_ms(),
        [],
    )
    keys = await backend.keys()
    for number in range(_KEYS):
        key, token = api_key.create(tenant=f"t{number}", name="n", scopes=[api_key.EVENTS_WRITE], now_ms=now_ms)
        await keys.put(key)
        tokens.append(token)
    await backend.aclose()
    return tokens


@asynccontextmanager
async def _serving(directory: Path, port: int) -> AsyncIterator[None]:
    """Serve ingest until left, then stop it as a deploy does."""
    command = [sys.executable, "-m", "cli", "serve", "ingest", "--data", str(directory), "--port", str(port)]
    environ = {**os.environ, "LOG_LEVEL": "WARNING", "MAX_CONNECTIONS_PER_ADDRESS": "0"}
    process = await asyncio.create_subprocess_exec(*command, env=environ)
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            while not await _is_ready(client, port):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.01)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
    except httpx.TransportError:
        return False


async def _measure() -> int:
    port = emulator.free_port()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        load = Load(port, await _tokens(directory))
        async with _serving(directory, port):
            await load.run(_SECONDS_BEFORE)
        async with _serving(directory, port):
            await load.run(_SECONDS_AFTER)
    first = sorted(load.first_uses.values())
    p99 = statistics.quantiles(first, n=100)[98]
    sys.stdout.write(
        f"{len(first):,} of {_KEYS:,} keys used after the restart; their first uses: median"
        f" {statistics.median(first):.1f} ms, p99 {p99:.1f} ms, slowest {first[-1]:.1f} ms;"
        f" statuses: {dict(load.statuses)}\n"
    )
    return int(p99 >= _GOAL_MS or load.statuses.keys() != {_ACCEPTED})


if __name__ == "__main__":
    uvloop.install()
    sys.exit(asyncio.run(_measure()))
