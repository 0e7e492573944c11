"""Group commit: writes that wait at the same time share one transaction, and so one fsync.

Each write runs in a savepoint, so one that fails leaves no trace and harms no other.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from shared.model.errors import Unavailable
from shared.sqlite.errors import commit_failed, unavailable


class Write:
    """One call to run in a transaction; afterwards `error` is set, or `result` holds what it returned.

    If not `durable`, a power failure may undo it, though nothing else can.
    """

    __slots__ = ("call", "durable", "error", "result")

    def __init__(self, call: Callable[[sqlite3.Connection], Any], *, durable: bool) -> None:
        self.call = call
        self.durable = durable
        self.result: Any = None
        self.error: Exception | None = None


class Committer:
    """Commits writes on one connection to `file`; `lock` keeps other writers of that file out. Blocks."""

    def __init__(self, connection: sqlite3.Connection, file: str, lock: AbstractContextManager[None]) -> None:
        self._connection = connection
        self._file = file
        self._lock = lock
        self._is_durable = True

    def commit(self, writes: Sequence[Write]) -> None:
        """Run `writes` in order in one transaction; set the result or the error of each."""
        try:
            with self._lock:
                self._commit(writes)
        except OSError as error:
            _fail(writes, Unavailable(f"{self._file}: {error}"))

    def _commit(self, writes: Sequence[Write]) -> None:
        try:
            self._begin(durable=any(write.durable for write in writes))
        except sqlite3.Error as error:
            _fail(writes, unavailable(error, self._file))
            return
        for write in writes:
            self._run(write, alone=len(writes) == 1)
            if not self._connection.in_transaction:
                # SQLite rolled back everything, as it may if the disk is full.
                _fail(writes, write.error or Unavailable(f"{self._file}: the transaction ended early"))
                return
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._connection.rollback()
            _fail(writes, commit_failed(error, self._file))

    def _begin(self, *, durable: bool) -> None:
        if durable is not self._is_durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable
        self._connection.execute("BEGIN IMMEDIATE")

    def _run(self, write: Write, *, alone: bool) -> None:
        execute = self._connection.execute
        try:
            if alone:
                write.result = write.call(self._connection)
                return
            execute("SAVEPOINT one")
            write.result = write.call(self._connection)
            execute("RELEASE one")
        except Exception as error:  # noqa: BLE001 - whatever a call raises is its caller's to handle
            write.error = unavailable(error, self._file) if isinstance(error, sqlite3.Error) else error
            self._undo(alone=alone)

    def _undo(self, *, alone: bool) -> None:
        """Undo one write; if that fails, undo all."""
        if not self._connection.in_transaction:
            return
        try:
            if not alone:
                self._connection.execute("ROLLBACK TO one")
                self._connection.execute("RELEASE one")
                return
        except sqlite3.Error:
            pass
        self._connection.rollback()


def _fail(writes: Sequence[Write], error: Exception) -> None:
    for write in writes:
        if write.error is None:
            write.error = _copy(error)


def _copy(error: Exception) -> Exception:
    """Return an error of its own for each caller: a traceback grows wherever one is raised."""
    return type(error)(str(error))
