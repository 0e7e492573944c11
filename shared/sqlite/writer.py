"""The writing side of a database file: writes pending at the same time are committed together."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from shared.model.errors import Unavailable
from shared.sqlite.connection import Connection
from shared.sqlite.file_lock import FileLock
from shared.sqlite.group_commit import Committer, Write
from shared.sqlite.schema import Migration, open_writer

T = TypeVar("T")

_MAX_GROUP = 64
"""Writes in one transaction: bounds how long the first of them waits for the last."""

_Waiting = tuple[Write, "asyncio.Future[object]"]


class Writer:
    """A connection that writes. `on_commit` is called in the event loop after each transaction."""

    def __init__(
        self, connection: Connection, committer: Committer, lock: FileLock, on_commit: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._committer = committer
        self._lock = lock
        self._on_commit = on_commit
        self._waiting: list[_Waiting] = []
        self._committing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, path: Path, migrations: Sequence[Migration], *, timeout_ms: int, on_commit: Callable[[], None]
    ) -> "Writer":
        """Open `path`, made or migrated if need be; raises what `open_writer` does."""
        connection = await Connection.open(lambda: open_writer(path, migrations))
        try:
            lock = FileLock(path, timeout_seconds=timeout_ms / 1000)
            committer = await connection.run(lambda raw: Committer(raw, path.name, lock))
        except BaseException:
            await connection.aclose()
            raise
        return cls(connection, committer, lock, on_commit)

    async def write(self, call: Callable[[sqlite3.Connection], T], *, durable: bool) -> T:
        """Return what `call` returns once it is committed."""
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting.append((Write(call, durable=durable), answer))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        return cast("T", await answer)

    async def aclose(self) -> None:
        """Commit pending writes, then close the connection."""
        if self._committing is not None:
            await self._committing
        await self._connection.aclose()
        self._lock.close()

    async def _commit_all(self) -> None:
        """Commit one group after another until nothing waits."""
        try:
            while self._waiting:
                # A caller that has given up before its write began does not want it any more.
                group = [(write, answer) for write, answer in self._waiting[:_MAX_GROUP] if not answer.done()]
                del self._waiting[:_MAX_GROUP]
                if group:
                    await self._commit(group)
        finally:
            self._committing = None

    async def _commit(self, group: Sequence[_Waiting]) -> None:
        writes = [write for write, _ in group]
        try:
            await self._connection.run(lambda _: self._committer.commit(writes))
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers must not wait for ever
            for write in writes:
                write.error = write.error or Unavailable(f"the write failed: {type(error).__name__}")
        self._on_commit()
        for write, answer in group:
            if answer.done():
                continue
            if write.error is not None:
                answer.set_exception(write.error)
            else:
                answer.set_result(write.result)
