"""A `BodyStore` for bodies too large for a row, as files.

A file is linked to its name only once it is completely on disk, and only if the name is free. A delete leaves an empty
file, so that a late put has no effect. File names are hashes, since a tenant's name may be too long for a file name.
"""

import asyncio
import hashlib
import os
import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

from shared.model.errors import NotFound, TriggersError, Unclear
from shared.sqlite.errors import file_failed
from shared.sqlite.files import make_directory, sync_directory, write_new

T = TypeVar("T")

INCOMING = "incoming"
"""Directory of files being written; the sweeper removes those of killed processes."""


class FileBodies:
    """A `BodyStore` in directory `root`. Runs in `executor`, or that of the event loop if None."""

    def __init__(self, root: Path, executor: Executor | None = None) -> None:
        self._root = root
        self._executor = executor

    async def put(self, key: str, body: bytes) -> None:
        """Store `body` under `key`, unless the key is taken."""
        await self._run(lambda: self._put(self._path(key), body))

    async def get(self, key: str) -> bytes:
        """Return the body under `key`; raise `NotFound` if there is none."""
        return await self._run(lambda: self._get(self._path(key)))

    async def delete(self, key: str) -> None:
        """Leave an empty file under `key`."""
        await self._run(lambda: self._delete(self._path(key)))

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        except OSError as error:
            raise file_failed(error, "bodies") from None

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._root / name[:2] / name[2:]

    def _put(self, path: Path, body: bytes) -> None:
        if path.exists():
            return
        incoming = self._write(path, body)
        try:
            os.link(incoming, path)
        except FileExistsError:
            return
        finally:
            incoming.unlink()
        _sync(path.parent)

    def _get(self, path: Path) -> bytes:
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            raise NotFound("The body does not exist.") from None
        if not body:
            raise NotFound("The body no longer exists.")
        return body

    def _delete(self, path: Path) -> None:
        incoming = self._write(path, b"")
        try:
            incoming.replace(path)
        except OSError:
            incoming.unlink()
            raise
        _sync(path.parent)

    def _write(self, path: Path, body: bytes) -> Path:
        """Write a file to `INCOMING` and create the directory of `path`; return the file."""
        for directory in (self._root, self._root / INCOMING, path.parent):
            if not directory.exists():
                make_directory(directory)
                sync_directory(directory.parent)
        incoming = self._root / INCOMING / uuid.uuid4().hex
        try:
            write_new(incoming, body)
        except OSError:
            incoming.unlink(missing_ok=True)
            raise
        return incoming


def _sync(directory: Path) -> None:
    """Make a new name durable. If this fails, the name exists, but a power failure may undo it."""
    try:
        sync_directory(directory)
    except OSError as error:
        raise _unclear(error) from None


def _unclear(error: OSError) -> TriggersError:
    return Unclear(str(file_failed(error, "bodies")))
