"""Group commit: writes that are pending at the same time share one transaction, and thus one fsync.

Each write runs in a savepoint, so a failed write has no effect and does not affect the others.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from shared.model.errors import Unavailable, Unclear
from shared.sqlite.errors import commit_failed, is_busy, unavailable

_RETRY_SECONDS = 0.0003
"""Pause between two attempts to acquire the write lock.

SQLite's own handler sleeps 1, 2, 5, ... 100 ms. A busy process holds the lock most of the time, so a waiting process
would often miss the gaps.
"""


class Write:
    """One call to run in a transaction, which sets its `error` or its `result`.

    If not `durable`, a power failure, but nothing else, may undo it.
    """

    __slots__ = ("call", "durable", "error", "result")

    def __init__(self, call: Callable[[sqlite3.Connection], Any], *, durable: bool) -> None:
        self.call = call
        self.durable = durable
        self.result: Any = None
        self.error: Exception | None = None


class Committer:
    """Commits writes on one connection to `file`; waits up to `timeout_seconds` for the lock. Blocks."""

    def __init__(self, connection: sqlite3.Connection, file: str, *, timeout_seconds: float) -> None:
        self._connection = connection
        self._file = file
        self._timeout_seconds = timeout_seconds
        self._is_durable = True

    def commit(self, writes: Sequence[Write]) -> None:
        """Run `writes` in order in one transaction; set the result or the error of each."""
        try:
            self._begin(durable=any(write.durable for write in writes))
        except sqlite3.Error as error:
            _fail(writes, unavailable(error, self._file))
            return
        for write in writes:
            self._run(write, alone=len(writes) == 1)
            if not self._connection.in_transaction:
                # SQLite rolled back the whole transaction, as it may if the disk is full.
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
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(_RETRY_SECONDS)

    def _run(self, write: Write, *, alone: bool) -> None:
        execute = self._connection.execute
        try:
            if alone:
                write.result = write.call(self._connection)
                return
            execute("SAVEPOINT one")
            write.result = write.call(self._connection)
            execute("RELEASE one")
        except Exception as error:  # noqa: BLE001 - its caller handles any error of a call
            write.error = unavailable(error, self._file) if isinstance(error, sqlite3.Error) else error
            self._undo(alone=alone)

    def _undo(self, *, alone: bool) -> None:
        """Roll back one write; if that fails, roll back all."""
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
    """Return a copy of an error for each caller: the traceback of an error grows each time it is raised."""
    return Unclear(str(error)) if isinstance(error, Unclear) else Unavailable(str(error))
