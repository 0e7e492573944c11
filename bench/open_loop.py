"""Open-model load: independent clients at random times."""

import asyncio
import random
import time
from collections import deque

import msgspec

from bench.client import Connection

_SEED = 1


class Arrival(msgspec.Struct, kw_only=True, array_like=True):
    """A request, when it was due (seconds from the start), how long until its answer, and the answer's status.

    `wait_ms` is the part of the latency before it was sent: the wait for a free connection.
    """

    phase: int
    due: float
    latency_ms: float
    wait_ms: float
    status: int


class OpenLoop:
    """Sends requests when they are due, on up to `max_connections` connections."""

    def __init__(self, port: int, requests: list[bytes], *, max_connections: int) -> None:
        self._port = port
        self._requests = requests
        self._room = max_connections
        self._idle: deque[Connection] = deque()
        self._waiting: deque[tuple[int, float]] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._random = random.Random(_SEED)
        self._started = time.perf_counter()
        self._sent = 0
        self._under_way = 0
        self._closed = False
        self.arrivals: list[Arrival] = []

    async def run(self, phase: int, rate: float, seconds: float) -> None:
        """Let requests arrive at `rate` a second, at random, for `seconds`."""
        due = time.perf_counter()
        end = due + seconds
        while (due := due + self._random.expovariate(rate)) < end:
            early = due - time.perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            self._arrive(phase, due)

    async def drain(self, max_seconds: float) -> None:
        """Wait for the requests in progress."""
        deadline = time.perf_counter() + max_seconds
        while self._under_way and time.perf_counter() < deadline:  # noqa: ASYNC110 (any of many may be the last)
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """Record unanswered requests as status 0, and close."""
        self._closed = True
        for phase, due in self._waiting:
            self._note(phase, due, time.perf_counter(), 0)
        for connection in self._idle:
            connection.close()

    def _arrive(self, phase: int, due: float) -> None:
        self._under_way += 1
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                self._send(connection, phase, due)
                return
            self._room += 1
        self._waiting.append((phase, due))
        if self._room:
            self._room -= 1
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        self._serve(await Connection.open(self._port))

    def _serve(self, connection: Connection) -> None:
        """Send the next waiting request on a free connection."""
        if self._waiting:
            self._send(connection, *self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _send(self, connection: Connection, phase: int, due: float) -> None:
        request = self._requests[self._sent % len(self._requests)]
        self._sent += 1
        sent = time.perf_counter()

        def answered(status: int) -> None:
            self._under_way -= 1
            self._note(phase, due, sent, status)
            if status and not self._closed:
                self._serve(connection)
            else:
                self._room += 1

        connection.send(request, answered)

    def _note(self, phase: int, due: float, sent: float, status: int) -> None:
        self.arrivals.append(
            Arrival(
                phase=phase,
                due=due - self._started,
                latency_ms=(time.perf_counter() - due) * 1000,
                wait_ms=(sent - due) * 1000,
                status=status,
            )
        )
