"""A process that is killed under load: everything that was acknowledged is there."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from shared.model.event import Identity
from shared.model.records import Place, StoredEvent
from shared.ports import Message
from tests.unit.shared.sqlite.rig import opened

_ACKNOWLEDGED = 300
_LOAD = """
import asyncio, itertools, sys
from shared.clock import SystemClock
from shared.model.event import Identity
from shared.model.position import Minter
from shared.model.records import Guard, Place, StoredEvent
from shared.ports import Outgoing
from shared.settings import Settings
from shared.sqlite.backend import SqliteBackend

async def work(queue, store, minter, numbers):
    for number in numbers:
        position = minter.mint()
        guard = Guard(identity=Identity("t", "i", "/", str(number)), receipt=position, position=position,
                      accepted_at=1, digest="", expires_at=9_999_999_999)
        event = StoredEvent(place=Place("t", "i", position), type="t", body=b"x" * 900, accepted_at=1,
                            expires_at=9_999_999_999)
        await queue.send([Outgoing(body=str(number))])
        await store.insert_guards([guard])
        await store.insert_events([event])
        print(number, position, flush=True)

async def main():
    backend = SqliteBackend(Settings(data_dir=sys.argv[1]), SystemClock())
    queue, store, minter = await backend.queue(), await backend.event_store(), Minter(SystemClock())
    numbers = itertools.count()
    await asyncio.gather(*(work(queue, store, minter, numbers) for _ in range(8)))

asyncio.run(main())
"""


async def _load_and_kill(directory: Path) -> dict[str, str]:
    """Let a process store events until it is killed; return what it reported as stored, id to position."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _LOAD, str(directory), stdout=-1)
    assert child.stdout is not None
    lines = [await child.stdout.readline() for _ in range(_ACKNOWLEDGED)]
    child.kill()
    rest, _ = await child.communicate()
    whole = [line for line in [*lines, *rest.splitlines(keepends=True)] if line.endswith(b"\n")]
    return dict(line.decode().split() for line in whole)


@pytest.mark.parametrize("_", range(3))
async def test_what_was_acknowledged_before_a_kill_is_there_after(tmp_path: Path, _: int) -> None:
    reported = await _load_and_kill(tmp_path)
    assert len(reported) >= _ACKNOWLEDGED

    async with opened(tmp_path) as backend:
        store, queue = await backend.event_store(), await backend.queue()
        for id_, position in reported.items():
            guard = await store.read_guard(Identity("t", "i", "/", id_))
            assert guard is not None
            assert guard.position == position
            assert isinstance((await store.read_events([Place("t", "i", position)]))[0], StoredEvent)
        messages: list[Message] = []
        while some := await queue.receive(limit=10, wait_seconds=0, visibility_seconds=60):
            messages += some
        assert set(reported) <= {message.body for message in messages}
    for name in ("queue.db", "events.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
