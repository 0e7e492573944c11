"""The load generator, a separate process: `python -m bench.load` reads a `Spec` and writes a `Report`, as JSON.

Closed loop (no `phases`): each connection sends its next request when the last is answered. Open model: requests
arrive at random times at a given rate whether or not the last are answered, and latency counts from the time at
which a request was due, so that a stall of the server is not hidden by fewer requests.
"""

import asyncio
import sys
import time
from collections import Counter

import msgspec
import psutil
import uvloop

from bench.client import Connection
from bench.cpu import cpu_seconds
from bench.open_loop import Arrival, OpenLoop

_SAMPLE_SECONDS = 0.05
_MAX_DRAIN_SECONDS = 15.0


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of open-model load."""

    rate: float
    seconds: float


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: `requests` in rotation, `total` of them, or for `seconds` without a total.

    `pid` is the server's process, whose CPU time and memory are sampled.
    """

    port: int
    requests: list[bytes]
    connections: int
    pid: int
    warm_seconds: float = 0.0
    seconds: float = 0.0
    total: int | None = None
    phases: list[Phase] = []


class Report(msgspec.Struct, kw_only=True):
    """The result. Latencies are in ms; an open-model run also has its arrivals."""

    seconds: float
    requests: int
    statuses: dict[int, int]
    latencies_ms: list[float] = []
    arrivals: list[Arrival] = []
    server_cpu_seconds: float = 0.0
    rss_bytes: int = 0
    load_cpu_share: float = 0.0


class _Watch:
    """CPU time and memory of the server, and how busy this process is itself."""

    def __init__(self, pid: int) -> None:
        self._server = psutil.Process(pid)
        self._task = asyncio.create_task(self._sample())
        self.rss_bytes = 0
        self.restart()

    def restart(self) -> None:
        self._cpu_before, self._own_before, self._started = (
            cpu_seconds(self._server),
            time.process_time(),
            time.perf_counter(),
        )

    def finish(self) -> tuple[float, float, float]:
        """Return seconds, the server's CPU seconds, and this process's share of a core."""
        seconds = time.perf_counter() - self._started
        self._task.cancel()
        return seconds, cpu_seconds(self._server) - self._cpu_before, (time.process_time() - self._own_before) / seconds

    async def _sample(self) -> None:
        while True:
            self.rss_bytes = max(self.rss_bytes, self._server.memory_info().rss)
            await asyncio.sleep(_SAMPLE_SECONDS)


class _ClosedLoop:
    """Connections that never pause; counts since the last `restart`."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._sent = 0
        self._connections: list[Connection] = []
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.all_answered = asyncio.Event()

    async def start(self) -> None:
        for _ in range(self._spec.connections):
            connection = await Connection.open(self._spec.port)
            self._connections.append(connection)
            self._next(connection)

    def restart(self) -> None:
        self.statuses, self.latencies = Counter(), []

    def stop(self) -> None:
        for connection in self._connections:
            connection.close()

    def _next(self, connection: Connection) -> None:
        spec = self._spec
        if spec.total is not None and self._sent >= spec.total:
            return
        request = spec.requests[self._sent % len(spec.requests)]
        self._sent += 1
        started = time.perf_counter()

        def answered(status: int) -> None:
            self.statuses[status] += 1
            self.latencies.append((time.perf_counter() - started) * 1000)
            if spec.total is not None and len(self.latencies) == spec.total:
                self.all_answered.set()
            if status:
                self._next(connection)

        connection.send(request, answered)


async def run_closed(spec: Spec) -> Report:
    """Run a closed loop."""
    loop, watch = _ClosedLoop(spec), _Watch(spec.pid)
    await loop.start()
    if spec.total is None:
        await asyncio.sleep(spec.warm_seconds)
        loop.restart()
        watch.restart()
        await asyncio.sleep(spec.seconds)
    else:
        await loop.all_answered.wait()
    seconds, cpu, own = watch.finish()
    report = Report(
        seconds=seconds,
        requests=len(loop.latencies),
        statuses=dict(loop.statuses),
        latencies_ms=sorted(loop.latencies),
        server_cpu_seconds=cpu,
        rss_bytes=watch.rss_bytes,
        load_cpu_share=own,
    )
    loop.stop()
    return report


async def run_open(spec: Spec) -> Report:
    """Run open-model phases, one after the other."""
    watch = _Watch(spec.pid)
    loop = OpenLoop(spec.port, spec.requests, max_connections=spec.connections)
    for index, phase in enumerate(spec.phases):
        await loop.run(index, phase.rate, phase.seconds)
    await loop.drain(_MAX_DRAIN_SECONDS)
    seconds, cpu, own = watch.finish()
    loop.close()
    return Report(
        seconds=seconds,
        requests=len(loop.arrivals),
        statuses=dict(Counter(arrival.status for arrival in loop.arrivals)),
        latencies_ms=sorted(arrival.latency_ms for arrival in loop.arrivals),
        arrivals=loop.arrivals,
        server_cpu_seconds=cpu,
        rss_bytes=watch.rss_bytes,
        load_cpu_share=own,
    )


def main() -> None:
    """Read a spec, run it, print the report."""
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=Spec)
    report = uvloop.run(run_open(spec) if spec.phases else run_closed(spec))
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:  # with PYTHONUNBUFFERED, stdout may write only a part
        out.write(msgspec.json.encode(report))


if __name__ == "__main__":
    main()
