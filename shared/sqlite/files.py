"""Files and directories that only their owner can read, also when they existed before."""

import os
from contextlib import suppress
from pathlib import Path

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600


def make_directory(path: Path) -> None:
    """Make `path` and its parents; raise `OSError` if that fails. `path` is the owner's alone afterwards."""
    path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    _restrict(path, _DIRECTORY_MODE)


def make_private_tree(root: Path) -> None:
    """Make directory `root`; if others could read it, what is in it becomes the owner's alone as well."""
    was_open = root.exists() and root.stat().st_mode & 0o777 != _DIRECTORY_MODE
    make_directory(root)
    for path in root.rglob("*") if was_open else ():
        with suppress(FileNotFoundError):  # swept meanwhile
            _restrict(path, _DIRECTORY_MODE if path.is_dir() else _FILE_MODE)


def open_private(path: Path) -> int:
    """Open `path` for reading and writing, made if need be; return its descriptor."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
    except FileExistsError:
        _restrict(path, _FILE_MODE)
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    sync_directory(path.parent)
    return descriptor


def make_database_file(path: Path) -> None:
    """Make an empty file unless there is one. SQLite gives its `-wal` and `-shm` files the same mode."""
    if not path.exists():
        os.close(open_private(path))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        with suppress(FileNotFoundError):  # the last process to close it removes the other two
            _restrict(path.with_name(name), _FILE_MODE)


def write_new(path: Path, content: bytes) -> None:
    """Write a new file and wait until the disk holds it; raise `FileExistsError` if there is one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Wait until the disk holds the names in directory `path`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _restrict(path: Path, mode: int) -> None:
    if path.stat().st_mode & 0o777 != mode:
        path.chmod(mode)
