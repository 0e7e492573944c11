"""Opens a database file: applies its settings, checks its version and runs migrations."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from shared.model.errors import InvalidSettings
from shared.sqlite.errors import is_busy
from shared.sqlite.files import make_database_file

T = TypeVar("T")

Migration = Sequence[str]
"""Statements that upgrade a file from one version to the next."""

_OPEN_SECONDS = 5.0
"""Maximum wait for a lock when opening a file: another process may be migrating it, or recovering its log."""
_RETRY_SECONDS = 0.01
_CACHED_STATEMENTS = 256
_SETTINGS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -32768",  # 32 MiB
    "PRAGMA mmap_size = 1073741824",
    "PRAGMA wal_autocheckpoint = 2000",  # pages; a checkpoint of 16 MB takes about 20 ms, once per 10,000 events
    "PRAGMA journal_size_limit = 67108864",  # shrinks the log after it grew during a long read
    "PRAGMA temp_store = MEMORY",  # no copy of a payload outside the data directory
)


def open_writer(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    """Open `path` for writing, creating or migrating it if necessary. Blocks.

    The connection may be used by one thread at a time, and does not wait for locks. Raises `sqlite3.Error`, `OSError`,
    and `InvalidSettings` if the file is from a newer release.
    """
    make_database_file(path)
    connection = _connect(path.as_uri())
    try:
        _retry_while_locked(lambda: connection.execute("PRAGMA page_size = 8192"))
        _retry_while_locked(lambda: connection.execute("PRAGMA journal_mode = WAL"))
        configure(connection)
        _retry_while_locked(lambda: migrate(connection, migrations, path.name))
        connection.execute("PRAGMA busy_timeout = 0")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    """Open `path` read-only, creating it if it does not exist. Blocks, and raises the errors of `open_writer`."""
    if not path.exists() or not path.stat().st_size:
        open_writer(path, migrations).close()
    connection = _connect(f"{path.as_uri()}?mode=ro")
    try:
        configure(connection)
        connection.execute("PRAGMA query_only = ON")
        if version_of(connection) != len(migrations):
            _check_version(connection, migrations, path.name)
            open_writer(path, migrations).close()
    except BaseException:
        connection.close()
        raise
    return connection


def configure(connection: sqlite3.Connection) -> None:
    """Apply the settings of a connection, which the file does not store."""
    for setting in _SETTINGS:
        connection.execute(setting)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the schema version of the file."""
    return int(_retry_while_locked(lambda: connection.execute("PRAGMA user_version").fetchone())[0])


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration], name: str) -> None:
    """Run the missing migrations in one transaction; raise `InvalidSettings` if the file is from a newer release."""
    if version_of(connection) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _check_version(connection, migrations, name)
        for migration in migrations[version_of(connection) :]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _check_version(connection: sqlite3.Connection, migrations: Sequence[Migration], name: str) -> None:
    found, known = version_of(connection), len(migrations)
    if found > known:
        raise InvalidSettings(
            [f"{name} has schema version {found}; this release reads up to version {known}. Use a newer release."]
        )


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=_OPEN_SECONDS,
        isolation_level=None,  # transactions are explicit
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )


def _retry_while_locked(call: Callable[[], T]) -> T:
    """Retry while the file is locked: SQLite itself waits for locks in most cases, but not in all."""
    deadline = time.monotonic() + _OPEN_SECONDS
    while True:
        try:
            return call()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_SECONDS)
