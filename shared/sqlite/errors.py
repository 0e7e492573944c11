"""Converts errors of SQLite and of files to ours.

A failure before COMMIT has no effect: `Unavailable`. A COMMIT that fails because the disk is full or the file is locked
has no effect either. Any other failed COMMIT is `Unclear`: if writing succeeded and fsync failed, recovery after a
crash may still find the transaction in the log.
"""

import errno
import sqlite3

from shared.model.errors import StorageFull, Unavailable, Unclear

_REASONS = {
    sqlite3.SQLITE_BUSY: "another process holds the lock",
    sqlite3.SQLITE_LOCKED: "another process holds the lock",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
    sqlite3.SQLITE_READONLY: "the file is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened",
}
_NOT_COMMITTED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

NOT_STORABLE = (OverflowError, UnicodeEncodeError, sqlite3.DataError)
"""Raised for values that SQLite can never store; the statement had no effect."""


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another connection held a lock."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def unavailable(error: sqlite3.Error, file: str) -> Unavailable:
    """Return the error for a call on `file` that failed before COMMIT."""
    kind = StorageFull if _code(error) == sqlite3.SQLITE_FULL else Unavailable
    return kind(_describe(error, file))


def commit_failed(error: sqlite3.Error, file: str) -> Unavailable | Unclear:
    """Return the error for a COMMIT on `file` that failed."""
    return unavailable(error, file) if _code(error) in _NOT_COMMITTED else Unclear(_describe(error, file))


def file_failed(error: OSError, file: str) -> Unavailable:
    """Return the error for a file operation that failed."""
    if error.errno in _DISK_FULL:
        return StorageFull(f"{file}: the disk is full")
    remedy = "; run this as the owner of the data directory" if isinstance(error, PermissionError) else ""
    return Unavailable(f"{file}: {error.strerror or type(error).__name__}{remedy}")


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code, 0 if Python's own checks failed."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _describe(error: sqlite3.Error, file: str) -> str:
    # SQLite's messages may quote data; its error names do not.
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    reason = _REASONS.get(_code(error))
    return f"{file}: {reason} ({name})" if reason else f"{file}: {name}"
