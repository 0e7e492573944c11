"""A tenant that does everything it can with one key of 1 event a second, beside a well-behaved client.

    python -m tests.edges.hostile_tenant           p99 of that client alone and beside the tenant
    python -m tests.edges.hostile_tenant --each    what each attack costs the server

The first measures in turns, and exits with 1 if the p99 more than doubles. On a busy machine, the p99 of the client
alone varies by as much; the CPU time of the server does not.
"""

import asyncio
import gzip
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from tests.edges.raw import Answer, Wire, request
from tests.edges.running import Attack, Running, p99_beside, running

_PAUSE_SECONDS = 0.02
_OPENING_SECONDS = 3
_WAITS = 1000
_STALLED = 510
_BOMB = gzip.compress(b"[" + b"0," * 262_142 + b"0]")
_BATCH = b'{"type":"t"}\n' * 1000
_ROUNDS = 3
_EACH_SECONDS = 5


class HostileTenant:
    """Attacks `server` for some seconds; `statuses` counts its answers, `accepted` its events."""

    def __init__(self, server: Running, seconds: float) -> None:
        self._server = server
        self._end = time.monotonic() + seconds
        self.statuses: Counter[int] = Counter()
        self.accepted = 0

    async def attack(self, only: str = "") -> None:
        """Do all of it at once, or only one."""
        attacks = self._attacks()
        await asyncio.gather(*(attack() for name, attack in attacks.items() if only in ("", name)))

    def _attacks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        key = f"X-API-Key: {self._server.hostile}"
        wrong = f"X-API-Key: {self._server.hostile[:-8]}"
        json, ndjson = "Content-Type: application/json", "Content-Type: application/x-ndjson"
        stalled = [request("POST", "/v1/events", key, json, "Content-Length: 99")] * _STALLED
        waits = [request("GET", f"/v1/inbox?inbox=i{n}&wait=20", key) for n in range(_WAITS)]
        repeated: dict[str, Callable[[int], bytes]] = {
            "bombs": lambda _: request("POST", "/v1/events", key, json, "Content-Encoding: gzip", body=_BOMB),
            "batches": lambda _: request("POST", "/v1/events", key, ndjson, body=_BATCH),
            "secrets": lambda n: request("GET", "/v1/inbox", f"{wrong}{n:08}"),
            "pages": lambda _: request("GET", "/v1/inbox?inbox=full&limit=1000", key),
            "counts": lambda n: request("GET", f"/v1/inbox?inbox=full&count=true&limit=1&type=t{n}.*", key),
        }
        return {
            "stalled": partial(self._stall_many, stalled),
            "waits": partial(self._stall_many, waits),
            **{name: partial(self._repeat, asked) for name, asked in repeated.items()},
        }

    async def _stall_many(self, asked: list[bytes]) -> None:
        """Open a connection for each, one after another: how fast they may be opened is a matter of `test_attacks`."""
        stalled = []
        for each in asked:
            stalled.append(asyncio.create_task(self._stall(each)))
            await asyncio.sleep(_OPENING_SECONDS / len(asked))
        await asyncio.gather(*stalled)

    async def _stall(self, asked: bytes) -> None:
        wire = await Wire.open(self._server.port)
        await wire.send(asked)
        try:
            self._count(await wire.answer(timeout_seconds=max(0.1, self._end - time.monotonic())))
        except TimeoutError:
            pass
        finally:
            wire.close()

    async def _repeat(self, asked: Callable[[int], bytes]) -> None:
        number, wire = 0, await Wire.open(self._server.port)
        while time.monotonic() < self._end:
            number += 1
            await wire.send(asked(number))
            if not self._count(await wire.answer()):
                wire.close()
                wire = await Wire.open(self._server.port)
            await asyncio.sleep(_PAUSE_SECONDS)
        wire.close()

    def _count(self, answer: Answer | None) -> bool:
        self.statuses[answer.status if answer else 0] += 1
        if answer and answer.status == 202:
            self.accepted += msgspec.json.decode(answer.body)["accepted"]
        return answer is not None and answer.headers.get("connection") != "close"


async def _each() -> int:
    """Measure each attack alone."""
    for name in ("stalled", "waits", "bombs", "batches", "secrets", "pages", "counts"):
        with running(MAX_CONNECTIONS_PER_ADDRESS="0", BODY_TIMEOUT_SECONDS="30") as server:
            tenant, before = HostileTenant(server, _EACH_SECONDS), server.cpu_seconds()
            await tenant.attack(name)
            answers, cpu_ms = tenant.statuses.total(), (server.cpu_seconds() - before) * 1000
        statuses = ", ".join(f"{status} {count}" for status, count in sorted(tenant.statuses.items()))
        sys.stdout.write(f"{name:8} {cpu_ms:6.0f} ms of CPU, {cpu_ms / max(1, answers):6.2f} an answer ({statuses})\n")
    return 0


async def _compare() -> int:
    alone: list[float] = []
    beside: list[float] = []

    async def nothing(_: Running) -> None:
        await asyncio.sleep(8)

    async def hostile(server: Running) -> None:
        tenant = HostileTenant(server, 8)
        await tenant.attack()
        sys.stdout.write(f"{dict(tenant.statuses)}, {tenant.accepted} events accepted\n")

    both: list[tuple[list[float], Attack]] = [(alone, nothing), (beside, hostile)]
    for _ in range(_ROUNDS):
        for measured, attack in both:
            with running(MAX_CONNECTIONS_PER_ADDRESS="0", BODY_TIMEOUT_SECONDS="30") as server:
                measured.append(await p99_beside(attack, server))
    before, after = statistics.median(alone), statistics.median(beside)
    sys.stdout.write(f"p99 alone {alone}, beside the tenant {beside} ms; of the medians {after / before:.2f} x\n")
    return int(after > 2 * before)


if __name__ == "__main__":
    sys.exit(asyncio.run(_each() if "--each" in sys.argv else _compare()))
