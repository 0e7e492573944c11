import asyncio
from pathlib import Path

import pytest

from shared.model.errors import NotFound, Unavailable, Unclear
from shared.model.records import body_key
from shared.sqlite import bodies as file_bodies
from shared.sqlite.bodies import FileBodies

KEY = body_key("\U0001f600" * 64, "0190")
"""Longer than a file name can be."""


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_of_two_puts_at_once_one_is_kept_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    bodies = FileBodies(tmp_path)
    contents = [bytes([number]) * 100_000 for number in range(8)]

    await asyncio.gather(*(bodies.put(KEY, content) for content in contents))

    assert await bodies.get(KEY) in contents
    assert len(_files(tmp_path)) == 1


async def test_a_put_whose_name_may_not_last_is_unclear_and_may_be_put_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = FileBodies(tmp_path)
    await bodies.put(KEY, b"{}")
    await bodies.delete(KEY)

    def fail(_: Path) -> None:
        raise OSError(5, "Input/output error")

    other = body_key("acme", "1")
    (tmp_path / bodies._path(other).parent.name).mkdir()  # noqa: SLF001 - or making it would fail first
    with monkeypatch.context() as patch:
        patch.setattr(file_bodies, "sync_directory", fail)
        with pytest.raises(Unclear, match="Input/output error"):
            await bodies.put(other, b"[]")

    await bodies.put(other, b"[]")
    assert await bodies.get(other) == b"[]"
    with pytest.raises(NotFound):
        await bodies.get(KEY)


async def test_a_directory_that_can_not_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "bodies").touch()
    bodies = FileBodies(tmp_path / "bodies")

    for call in (bodies.put(KEY, b"{}"), bodies.delete(KEY), bodies.get(KEY)):
        with pytest.raises(Unavailable):
            await call
