from pathlib import Path

from shared.model.records import body_key
from shared.ports import Outgoing
from shared.sqlite.errors import file_failed
from tests.contract.build import Builder
from tests.unit.shared.sqlite.rig import opened


def _everything(directory: Path) -> list[Path]:
    return [directory, *directory.rglob("*")]


async def _use(directory: Path) -> dict[str, int]:
    """Write to every file; return the mode of each file and directory while they are open."""
    async with opened(directory) as backend:
        await (await backend.queue()).send([Outgoing(body="a")])
        await (await backend.event_store()).insert_events([Builder().event()])
        await (await backend.bodies()).put(body_key("acme", "1"), b"{}")
        await backend.keys()
        return {str(path.relative_to(directory)): path.stat().st_mode & 0o777 for path in _everything(directory)}


def _is_private(directory: Path, modes: dict[str, int]) -> bool:
    return all(mode == (0o700 if (directory / name).is_dir() else 0o600) for name, mode in modes.items())


async def test_everything_in_a_new_directory_is_the_owners_alone(tmp_path: Path) -> None:
    modes = await _use(tmp_path / "data")

    assert {"queue.db", "queue.db-wal", "queue.db-shm", "events.db", "keys.db", "bodies"} <= set(modes)
    assert _is_private(tmp_path / "data", modes)


async def test_what_others_could_read_before_is_the_owners_alone_after(tmp_path: Path) -> None:
    await _use(tmp_path)
    for path in _everything(tmp_path):
        path.chmod(0o755 if path.is_dir() else 0o644)

    assert _is_private(tmp_path, await _use(tmp_path))


def test_a_file_of_another_user_names_the_remedy() -> None:
    failed = file_failed(PermissionError(1, "Operation not permitted"), "/data")
    assert str(failed) == "/data: Operation not permitted; run this as the owner of the data directory"
