"""A lock that one writer of a database file holds at a time, over all processes; the kernel releases a dead one's.

SQLite has a write lock of its own, but a checkpoint runs after that is released. Before version 3.51.3 a checkpoint
that overlaps another connection's commit can lose pages that were committed (sqlite.org/wal.html, "The WAL-Reset
Bug"), and most machines have an older one. So this lock covers a transaction and the checkpoint that follows it.
"""

import fcntl
import os
import time
from pathlib import Path

from shared.sqlite.files import open_private

_RETRY_SECONDS = 0.0003
"""Between two attempts: a commit takes about as long."""


class FileLock:
    """The lock of a database file. For one thread; does not nest.

    Two locks make it fair: the next holder waits for the lock with the other one, which keeps a process that commits
    all the time from taking the lock again at once.
    """

    def __init__(self, file: Path, *, timeout_seconds: float) -> None:
        # Files of their own: closing any descriptor of the database's would drop the locks that SQLite has on it.
        self._lock = open_private(file.with_name(f"{file.name}-lock"))
        self._next = open_private(file.with_name(f"{file.name}-next"))
        self._timeout_seconds = timeout_seconds

    def __enter__(self) -> None:
        """Wait for the lock; raise `TimeoutError` if others hold it for too long."""
        deadline = time.monotonic() + self._timeout_seconds
        _acquire(self._next, deadline)
        try:
            _acquire(self._lock, deadline)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the files."""
        os.close(self._lock)
        os.close(self._next)


def _acquire(descriptor: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError("another process holds the lock") from None
        else:
            return
        time.sleep(_RETRY_SECONDS)
