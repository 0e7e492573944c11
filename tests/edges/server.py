"""All APIs over memory, served as `triggers serve all` does; run as a process of its own by the edge suite.

    python -m tests.edges.server PORT

Writes one line of JSON to stdout, `{"token": ..., "hostile": ...}`: a key for everything, and one of another tenant
with a rate of 1. Settings come from the environment.
"""

import asyncio
import os
import sys

import msgspec

from cli.commands import serve
from console import app as console
from ingest import app as ingest
from shared import settings
from shared.clock import SystemClock
from shared.memory.backend import MemoryBackend
from shared.memory.event_store import MemoryStore
from shared.memory.key_store import MemoryKeyStore
from shared.model import api_key
from shared.model.position import Minter
from shared.model.records import Place, StoredEvent
from shared.process import tune_garbage_collection
from shared.telemetry import log
from shared.telemetry.catalog import Metrics
from shared.web.app import build_app
from tests.edges.running import BURST
from tests.fakes.clock import FakeClock
from worker.inbox import app as inbox

TENANT = "edges"
PAGE_EVENTS = 1000
EVENT_BYTES = 4000
"""A page of the most events is then nearly as large as a page may be."""


async def _fill(store: MemoryStore, tenant: str) -> None:
    now_ms = SystemClock().wall_ms()
    minter = Minter(FakeClock(now_ms - 60_000))  # its positions have settled
    events = [
        StoredEvent(
            place=Place(tenant, "full", minter.mint()),
            type="t",
            body=b'{"specversion":"1.0","id":"%d","source":"/s","type":"t","data":"%b"}' % (number, b"x" * EVENT_BYTES),
            accepted_at=now_ms - 60_000,
            expires_at=now_ms // 1000 + 86_400,
        )
        for number in range(PAGE_EVENTS)
    ]
    for event in events:
        await store.insert_events([event])


async def _filled() -> tuple[MemoryBackend, dict[str, str]]:
    """Return a backend, and the tokens of its keys by name."""
    clock, tokens = SystemClock(), {}
    keys, store = MemoryKeyStore(), MemoryStore(clock)
    for name, tenant, rate, burst in (("token", TENANT, 100_000, 100_000), ("hostile", "hostile", 1, BURST)):
        key, tokens[name] = api_key.create(
            tenant=tenant, name=name, scopes=api_key.SCOPES, now_ms=clock.wall_ms(), rate=rate, burst=burst
        )
        await keys.put(key)
        await _fill(store, tenant)
    return MemoryBackend(clock, store=store, keys=keys), tokens


def main(port: int) -> None:
    loaded, metrics = settings.load(os.environ), Metrics()
    log.configure(loaded.log_level, hold=True)
    tune_garbage_collection()
    backend, tokens = asyncio.run(_filled())
    parts = [ingest.part(loaded, metrics=metrics), inbox.part(loaded, metrics=metrics), console.part(loaded)]
    sys.stdout.write(msgspec.json.encode(tokens).decode() + "\n")
    sys.stdout.flush()
    serve.run(
        build_app(loaded, parts, backend=backend, metrics=metrics), loaded, metrics, serve.bind("127.0.0.1", port)
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
