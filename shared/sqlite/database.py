"""One database file: a connection that writes, others that read, and word of every change.

A read sees the last commit and never waits for a writer.
"""

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from shared.model.errors import Unavailable
from shared.sqlite.changes import ChangeWatcher
from shared.sqlite.connection import Connection
from shared.sqlite.errors import file_failed, unavailable
from shared.sqlite.schema import Migration, open_reader
from shared.sqlite.writer import Writer

T = TypeVar("T")

_READERS = 2
"""Connections that read, so that a page does not wait behind a count."""


class Database(Protocol):
    """What a port needs of a database. Both methods raise `Unavailable`, and `write` also `Unclear`."""

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `call` returns; it must only read."""
        ...

    async def write(self, call: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Return what `call` returns once it is committed; if it raises, nothing that it did takes effect.

        If not `durable`, a power failure may undo it; a killed process never does.
        """
        ...

    def mark(self) -> int:
        """Return a mark of the database as it is now, for `wait_for_change`."""
        ...

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:
        """Return once the database has changed since `mark`, after `timeout_ms` at the latest."""
        ...


class FileDatabase:
    """A `Database` in a file. For one event loop.

    `timeout_ms` is the longest wait for another process's lock.
    """

    def __init__(
        self, path: Path, migrations: Sequence[Migration], *, timeout_ms: int, read_only: bool = False
    ) -> None:
        self._path = path
        self._migrations = migrations
        self._timeout_ms = timeout_ms
        self._read_only = read_only
        self._opening = asyncio.Lock()
        self._readers: tuple[Connection, ...] = ()
        self._writer: Writer | None = None
        self._next_reader = itertools.count()
        self.changes = ChangeWatcher(path)

    async def open(self) -> None:
        """Open the file unless it is open; raise `InvalidSettings` if a newer release made it."""
        async with self._opening:
            if self._readers:
                return
            opened: list[Connection] = []
            try:
                if not self._read_only and self._writer is None:
                    self._writer = await Writer.open(
                        self._path, self._migrations, timeout_ms=self._timeout_ms, on_commit=self.changes.notify
                    )
                while len(opened) < _READERS:
                    opened.append(await Connection.open(lambda: open_reader(self._path, self._migrations)))
            except BaseException as error:
                for connection in opened:
                    await connection.aclose()
                if isinstance(error, sqlite3.Error):
                    raise unavailable(error, self._path.name) from None
                if isinstance(error, OSError):
                    raise file_failed(error, self._path.name) from None
                raise
            self._readers = tuple(opened)

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `call` returns."""
        if not self._readers:
            raise Unavailable(f"{self._path.name} is not open")
        reader = self._readers[next(self._next_reader) % _READERS]
        try:
            return await reader.run(call)
        except sqlite3.Error as error:
            raise unavailable(error, self._path.name) from None

    async def write(self, call: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Return what `call` returns once it is committed."""
        if self._writer is None:
            raise Unavailable(f"{self._path.name} is not open for writing")
        return await self._writer.write(call, durable=durable)

    def mark(self) -> int:
        """Return a mark of the database as it is now."""
        return self.changes.mark()

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:
        """Return once any process has changed the database since `mark`."""
        await self.changes.wait(mark, timeout_ms / 1000)

    async def aclose(self) -> None:
        """Commit what was written, then close the file."""
        self.changes.close()
        readers, self._readers = self._readers, ()
        for reader in readers:
            await reader.aclose()
        # The last: closing the last connection moves the log into the file, which a reader may not do.
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.aclose()
