"""A tenant that does everything it can with one key of 1 event a second, beside a well-behaved client.

    python -m tests.edges.hostile_tenant

Reports the p99 of that client alone and beside the tenant, in turns; exits with 1 if it more than doubles. On a busy
machine, the p99 of the client alone varies by as much.
"""

import asyncio
import gzip
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable

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


class HostileTenant:
    """Attacks `server` for some seconds; `statuses` counts its answers, `accepted` its events."""

    def __init__(self, server: Running, seconds: float) -> None:
        self._server = server
        self._end = time.monotonic() + seconds
        self.statuses: Counter[int] = Counter()
        self.accepted = 0

    async def attack(self) -> None:
        """Do all of it at once."""
        key = f"X-API-Key: {self._server.hostile}"
        wrong = f"X-API-Key: {self._server.hostile[:-8]}"
        json, ndjson = "Content-Type: application/json", "Content-Type: application/x-ndjson"
        await asyncio.gather(
            self._stall_many([request("POST", "/v1/events", key, json, "Content-Length: 99")] * _STALLED),
            self._stall_many([request("GET", f"/v1/inbox?inbox=i{n}&wait=20", key) for n in range(_WAITS)]),
            self._repeat(lambda _: request("POST", "/v1/events", key, json, "Content-Encoding: gzip", body=_BOMB)),
            self._repeat(lambda _: request("POST", "/v1/events", key, ndjson, body=_BATCH)),
            self._repeat(lambda n: request("GET", "/v1/inbox", f"{wrong}{n:08}")),
            self._repeat(lambda _: request("GET", "/v1/inbox?inbox=full&limit=1000", key)),
            self._repeat(lambda n: request("GET", f"/v1/inbox?inbox=full&count=true&limit=1&type=t{n}.*", key)),
        )

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
    sys.exit(asyncio.run(_compare()))
