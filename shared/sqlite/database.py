"""One database file: a writing connection, reading connections, and notification of changes.

A read sees the last commit and never waits for a writer. Writes pending at the same time are committed together.
"""

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar, cast

from shared.model.errors import Unavailable
from shared.sqlite.changes import ChangeWatcher
from shared.sqlite.connection import Connection
from shared.sqlite.errors import file_failed, unavailable
from shared.sqlite.group_commit import Committer, Write
from shared.sqlite.schema import Migration, open_reader, open_writer

T = TypeVar("T")

_READERS = 2
"""Reading connections: several, so that a page does not wait for a count."""
_MAX_GROUP = 64
"""Maximum writes in one transaction, which limits how long the first waits for the last."""


class Database(Protocol):
    """A database, as the ports use it. `read` and `write` raise `Unavailable`, and `write` also `Unclear`."""

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `call`, which must only read."""
        ...

    async def write(self, call: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Return the result of `call` once it is committed; if it raises, its changes are rolled back.

        If not `durable`, a power failure may undo it, but killing the process can't.
        """
        ...

    def mark(self) -> int:
        """Return a marker of the current state of the database, for `wait_for_change`."""
        ...

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:
        """Wait until the database has changed since `mark`, at most `timeout_ms`."""
        ...


class FileDatabase:
    """A `Database` in a file, opened by the first call. For one event loop.

    `timeout_ms` is the maximum wait for a lock of another process.
    """

    def __init__(
        self, path: Path, migrations: Sequence[Migration], *, timeout_ms: int, read_only: bool = False
    ) -> None:
        self._path = path
        self._migrations = migrations
        self._timeout_ms = timeout_ms
        self._read_only = read_only
        self._opening = asyncio.Lock()
        self._readers: list[Connection] = []
        self._writer: Connection | None = None
        self._next_reader = itertools.count()
        self._pending: list[tuple[Write, asyncio.Future[object]]] = []
        self._committing: asyncio.Task[None] | None = None
        self.changes = ChangeWatcher(path)

    async def open(self) -> None:
        """Open the file unless it is open; raise `InvalidSettings` if it is from a newer release."""
        async with self._opening:
            if self._readers:
                return
            try:
                if not self._read_only:
                    self._writer = await Connection.open(lambda: open_writer(self._path, self._migrations))
                    self._committer = await self._writer.run(self._make_committer)
                for _ in range(_READERS):
                    self._readers.append(await Connection.open(lambda: open_reader(self._path, self._migrations)))
            except BaseException as error:
                await self._close_connections()
                if isinstance(error, sqlite3.Error):
                    raise unavailable(error, self._path.name) from None
                if isinstance(error, OSError):
                    raise file_failed(error, self._path.name) from None
                raise

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `call`."""
        if not self._readers:
            await self.open()
        reader = self._readers[next(self._next_reader) % len(self._readers)]
        try:
            return await reader.run(call)
        except sqlite3.Error as error:
            raise unavailable(error, self._path.name) from None

    async def write(self, call: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Return the result of `call` once it is committed."""
        if self._writer is None:
            if self._read_only:
                raise Unavailable(f"{self._path.name}: the file is open read-only")
            await self.open()
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._pending.append((Write(call, durable=durable), answer))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_pending())
        return cast("T", await answer)

    def mark(self) -> int:
        """Return a marker of the current state of the database."""
        return self.changes.mark()

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:
        """Wait until any process has changed the database since `mark`."""
        await self.changes.wait(mark, timeout_ms / 1000)

    async def aclose(self) -> None:
        """Commit pending writes, then close the file."""
        if self._committing is not None:
            await self._committing
        await self._close_connections()

    def _make_committer(self, connection: sqlite3.Connection) -> Committer:
        return Committer(connection, self._path.name, timeout_seconds=self._timeout_ms / 1000)

    async def _commit_pending(self) -> None:
        """Commit group after group until no writes are pending."""
        try:
            while self._pending:
                # A write is dropped if its caller was cancelled before the write began.
                group = [(write, answer) for write, answer in self._pending[:_MAX_GROUP] if not answer.done()]
                del self._pending[:_MAX_GROUP]
                if group:
                    await self._commit([write for write, _ in group])
                    _answer(group)
        finally:
            self._committing = None

    async def _commit(self, writes: Sequence[Write]) -> None:
        assert self._writer is not None  # noqa: S101 - `write` opened it
        await self._writer.run(lambda _: self._committer.commit(writes))
        self.changes.notify()

    async def _close_connections(self) -> None:
        self.changes.close()
        readers, self._readers = self._readers, []
        writer, self._writer = self._writer, None
        # The writer last: closing the last connection checkpoints the log into the file, which a reader may not do.
        for connection in (*readers, *([writer] if writer else [])):
            await connection.aclose()


def _answer(group: Sequence[tuple[Write, "asyncio.Future[object]"]]) -> None:
    for write, answer in group:
        if answer.done():
            continue
        if write.error is not None:
            answer.set_exception(write.error)
        else:
            answer.set_result(write.result)
