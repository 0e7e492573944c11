"""Files and directories that only their owner can access, including existing ones."""

import os
from pathlib import Path

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600


def make_directory(path: Path) -> None:
    """Create directory `path` and its parents, and restrict `path` to its owner; raise `OSError` if that fails."""
    path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    _restrict(path, _DIRECTORY_MODE)


def make_database_file(path: Path) -> None:
    """Create an empty file unless it exists. SQLite gives its `-wal` and `-shm` files the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE))
        sync_directory(path.parent)
    except FileExistsError:
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            file = path.with_name(name)
            if file.exists():
                _restrict(file, _FILE_MODE)


def write_new(path: Path, content: bytes) -> None:
    """Write a new file and sync it to disk; raise `FileExistsError` if it exists."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Sync the names in directory `path` to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _restrict(path: Path, mode: int) -> None:
    if path.stat().st_mode & 0o777 != mode:
        path.chmod(mode)
