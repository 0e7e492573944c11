"""`python -m worker` runs a worker, as `triggers worker` does."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from shared import settings
from shared.clock import SystemClock
from shared.model.event import Event
from shared.model.pack import EventPack, encode
from shared.model.position import FIRST, Minter, floor_of
from shared.model.records import Place
from shared.ports import Outgoing
from shared.sqlite.backend import SqliteBackend

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("command", [["-m", "worker"], ["-m", "cli", "worker"]], ids=["worker", "triggers worker"])
async def test_it_stores_events_until_sigterm(tmp_path: Path, command: list[str]) -> None:
    environ = {**os.environ, "BACKEND": "sqlite", "DATA_DIR": str(tmp_path / "data")}
    loaded, clock = settings.load(environ), SystemClock()
    backend = SqliteBackend(loaded, clock)
    body = b'{"specversion":"1.0","id":"1","source":"/","type":"t"}'
    event = Event(receipt=Minter(clock).mint(), id="1", source="/", inbox="default", type="t", body=msgspec.Raw(body))
    pack = EventPack(tenant="acme", key_id="k", accepted_at=clock.wall_ms(), events=[event])
    await (await backend.queue()).send([Outgoing(body=encode(pack))])
    reader = await backend.event_store()

    async def is_stored() -> bool:
        end = floor_of(clock.wall_ms() + 1_000)
        found = await reader.query(Place("acme", "default", FIRST), shard=0, before=end, limit=1)
        return [record.body for record in found.events] == [body]

    process = subprocess.Popen([sys.executable, *command], env=environ)  # noqa: ASYNC220, S603
    try:
        async with asyncio.timeout(30):
            while not await is_stored():  # noqa: ASYNC110 - another process stores it
                await asyncio.sleep(0.02)
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    await backend.aclose()
