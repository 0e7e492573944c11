import asyncio
import sys
from pathlib import Path

import pytest

from shared.ports import Outgoing
from shared.sqlite.changes import ChangeWatcher
from tests.unit.shared.sqlite.rig import opened

_SEND = """
import asyncio, sys
from shared.clock import SystemClock
from shared.ports import Outgoing
from shared.settings import Settings
from shared.sqlite.backend import SqliteBackend

async def send():
    backend = SqliteBackend(Settings(data_dir=sys.argv[1]), SystemClock())
    queue = await backend.queue()
    for line in sys.stdin:
        await queue.send([Outgoing(body="a")])
    await backend.aclose()

asyncio.run(send())
"""


async def test_a_receive_is_woken_by_a_send_of_another_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as backend:
        queue = await backend.queue()
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", _SEND, str(tmp_path), stdin=-1)
        assert child.stdin is not None
        child.stdin.write(b"\n")  # the first shows that the child has started
        assert await queue.receive(limit=1, wait_seconds=20, visibility_seconds=60)
        for _ in range(10):
            receiving = asyncio.create_task(queue.receive(limit=1, wait_seconds=60, visibility_seconds=60))
            await asyncio.sleep(0.02)
            child.stdin.write(b"\n")
            async with asyncio.timeout(20):  # without a wake-up it would take the whole minute
                assert len(await receiving) == 1
        child.stdin.close()
        await child.wait()


async def test_a_receive_is_woken_by_a_send_of_its_own_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as backend:
        queue = await backend.queue()
        receiving = asyncio.create_task(queue.receive(limit=1, wait_seconds=60, visibility_seconds=60))
        await asyncio.sleep(0.02)

        await queue.send([Outgoing(body="a")])

        async with asyncio.timeout(20):
            assert len(await receiving) == 1


async def test_a_change_before_the_wait_is_not_missed(tmp_path: Path) -> None:
    async with opened(tmp_path) as backend:
        queue = await backend.queue()
        watcher = ChangeWatcher(tmp_path / "queue.db")
        mark = watcher.mark()

        await queue.send([Outgoing(body="a")])

        assert await watcher.wait(mark, 0)
        assert not await watcher.wait(watcher.mark(), 0.02)
        watcher.close()


@pytest.mark.parametrize("closing", [False, True])
async def test_every_waiter_is_woken_by_a_change_or_by_closing(tmp_path: Path, *, closing: bool) -> None:
    async with opened(tmp_path) as backend:
        queue = await backend.queue()
        watcher = ChangeWatcher(tmp_path / "queue.db")
        mark = watcher.mark()
        waiting = [asyncio.create_task(watcher.wait(mark, 20)) for _ in range(3)]
        await asyncio.sleep(0.02)

        if closing:
            watcher.close()
        else:
            await queue.send([Outgoing(body="a")])

        assert await asyncio.gather(*waiting) == [True] * 3
        watcher.close()


async def test_a_file_that_can_not_be_read_counts_as_unchanged(tmp_path: Path) -> None:
    watcher = ChangeWatcher(tmp_path / "missing.db")

    assert not await watcher.wait(watcher.mark(), 0.02)


@pytest.mark.parametrize("seconds", [0, 0.02])
async def test_a_wait_ends_when_its_time_is_up(tmp_path: Path, seconds: float) -> None:
    async with opened(tmp_path) as backend:
        changes = (await backend.messages()).changes

        assert not await changes.wait(changes.mark(), seconds)
