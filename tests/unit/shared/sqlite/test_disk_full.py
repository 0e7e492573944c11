"""A full disk refuses with a reason, loses nothing that was accepted, and is written again once there is room."""

import asyncio
import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from shared.model.errors import Unavailable
from shared.model.records import Outcome, body_key
from shared.ports import EventQueue, Outgoing
from shared.sqlite import bodies as file_bodies
from shared.sqlite.backend import SqliteBackend
from shared.sqlite.bodies import FileBodies
from tests.unit.shared.sqlite.rig import opened

_BIG = "x" * 100_000


async def _allow_pages(backend: SqliteBackend, pages: int) -> None:
    # SQLite gives the same error as for a disk without room.
    await (await backend.messages()).write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())


async def _send_until_refused(queue: EventQueue) -> None:
    while True:
        assert await queue.send([Outgoing(body=_BIG)]) == [Outcome.DONE]


async def test_a_send_to_a_full_disk_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with opened(tmp_path) as backend:
        queue = await backend.queue()
        await _allow_pages(backend, 30)
        with pytest.raises(Unavailable, match=r"queue\.db: the disk is full"):
            await _send_until_refused(queue)

        sent = await queue.backlog()
        assert sent
        await _allow_pages(backend, 1_000_000)
        assert await queue.send([Outgoing(body=_BIG)]) == [Outcome.DONE]
        assert await queue.backlog() == sent + 1


async def test_a_send_that_does_not_fit_harms_none_of_its_group_that_does(tmp_path: Path) -> None:
    async with opened(tmp_path) as backend:
        queue = await backend.queue()
        await _allow_pages(backend, 20)

        small, big, other = await asyncio.gather(
            *(queue.send([Outgoing(body=body)]) for body in ("a", _BIG * 5, "b")), return_exceptions=True
        )

        assert isinstance(big, Unavailable)
        stored = [outcome for outcome in (small, other) if outcome == [Outcome.DONE]]
        assert await queue.backlog() == len(stored)
        assert await queue.send([Outgoing(body="c")]) == [Outcome.DONE]


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_a_body_for_a_full_disk_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies, key = FileBodies(tmp_path), body_key("acme", "1")

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(file_bodies, "write_new", full)
        with pytest.raises(Unavailable, match="the disk is full"):
            await bodies.put(key, b"{}")

    assert _files(tmp_path) == []
    await bodies.put(key, b"{}")
    assert await bodies.get(key) == b"{}"
