import asyncio
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, cast

import pytest

from shared.model.errors import StorageFull, Unavailable, Unclear
from shared.sqlite.database import FileDatabase
from shared.sqlite.file_lock import FileLock
from shared.sqlite.group_commit import Committer, Write
from shared.sqlite.schema import Migration

MIGRATIONS: tuple[Migration, ...] = (("CREATE TABLE a (x INTEGER PRIMARY KEY)",),)


class _Refused(Exception):
    """A call's own error."""


class _Connection:
    """A connection whose COMMIT fails as SQLite says that it may."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self.commits = 0
        self.fault: tuple[int, str] | None = None

    def execute(self, sql: str, values: tuple[int, ...] = ()) -> Any:
        if sql == "COMMIT":
            self.commits += 1
            if self.fault is not None:
                error = sqlite3.OperationalError("simulated")
                error.sqlite_errorcode, error.sqlite_errorname = self.fault
                raise error
        return self._raw.execute(sql, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


@pytest.fixture
def connection() -> Any:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as raw:
        raw.execute("CREATE TABLE a (x INTEGER PRIMARY KEY)")
        yield _Connection(raw)


def _committer(connection: _Connection) -> Committer:
    return Committer(cast("sqlite3.Connection", connection), "a.db", nullcontext())


def _insert(x: int, *, then: Exception | None = None) -> Write:
    def call(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO a VALUES (?)", (x,))
        if then is not None:
            raise then
        return x

    return Write(call, durable=True)


def _rows(connection: _Connection) -> list[int]:
    return [x for (x,) in connection.execute("SELECT x FROM a ORDER BY x").fetchall()]


def test_writes_of_a_group_share_one_commit(connection: _Connection) -> None:
    writes = [_insert(x) for x in range(5)]

    _committer(connection).commit(writes)

    assert [write.result for write in writes] == list(range(5))
    assert (connection.commits, _rows(connection)) == (1, list(range(5)))


@pytest.mark.parametrize("error", [_Refused(), sqlite3.IntegrityError("simulated")])
def test_a_write_that_fails_leaves_no_trace_and_harms_no_other(connection: _Connection, error: Exception) -> None:
    writes = [_insert(1), _insert(2, then=error), _insert(3)]

    _committer(connection).commit(writes)

    assert _rows(connection) == [1, 3]
    assert [type(write.error) for write in writes] == [
        type(None),
        _Refused if isinstance(error, _Refused) else Unavailable,
        type(None),
    ]


def test_a_write_that_fails_alone_is_undone(connection: _Connection) -> None:
    write = _insert(1, then=_Refused())

    _committer(connection).commit([write])

    assert isinstance(write.error, _Refused)
    assert (_rows(connection), connection.in_transaction) == ([], False)


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        (sqlite3.SQLITE_FULL, "SQLITE_FULL", StorageFull),
        (sqlite3.SQLITE_BUSY, "SQLITE_BUSY", Unavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC", Unclear),
        (sqlite3.SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE", Unclear),
    ],
)
def test_a_commit_that_fails_fails_its_group_and_the_next_one_works(
    connection: _Connection, code: int, name: str, expected: type[Exception]
) -> None:
    committer, writes = _committer(connection), [_insert(1), _insert(2)]
    connection.fault = (code, name)

    committer.commit(writes)

    assert [type(write.error) for write in writes] == [expected, expected]
    assert name in str(writes[0].error)
    connection.fault = None
    committer.commit([_insert(1)])
    assert _rows(connection) == [1]


async def test_concurrent_writes_are_committed_together(tmp_path: Path) -> None:
    database = FileDatabase(tmp_path / "a.db", MIGRATIONS, timeout_ms=500)
    await database.open()
    try:
        mark, commits = database.changes.mark(), 0

        async def count() -> None:
            nonlocal mark, commits
            while await database.changes.wait(mark, 0.3):
                mark, commits = database.changes.mark(), commits + 1

        counting = asyncio.create_task(count())
        await asyncio.gather(*(database.write(_insert(x).call) for x in range(100)))
        await counting

        assert await database.read(lambda db: db.execute("SELECT count(*) FROM a").fetchone()) == (100,)
        assert commits <= 4  # two groups, of at most 64
    finally:
        await database.aclose()


async def test_a_write_behind_anothers_lock_is_unavailable_and_takes_no_effect(tmp_path: Path) -> None:
    database = FileDatabase(tmp_path / "a.db", MIGRATIONS, timeout_ms=50)
    await database.open()
    other = FileLock(tmp_path / "a.db", timeout_seconds=1)
    try:
        with other:
            with pytest.raises(Unavailable, match=r"a\.db: another process holds the lock"):
                await database.write(lambda db: db.execute("INSERT INTO a VALUES (1)"))
            assert await database.read(lambda db: db.execute("SELECT * FROM a").fetchall()) == []
        await database.write(lambda db: db.execute("INSERT INTO a VALUES (2)"))
        assert await database.read(lambda db: db.execute("SELECT * FROM a").fetchall()) == [(2,)]
    finally:
        other.close()
        await database.aclose()


async def test_a_write_behind_a_foreign_transaction_is_unavailable(tmp_path: Path) -> None:
    database = FileDatabase(tmp_path / "a.db", MIGRATIONS, timeout_ms=50)
    await database.open()
    try:
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="SQLITE_BUSY"):
                await database.write(lambda db: db.execute("INSERT INTO a VALUES (1)"))
    finally:
        await database.aclose()


async def test_a_write_whose_caller_has_left_is_not_begun(tmp_path: Path) -> None:
    database = FileDatabase(tmp_path / "a.db", MIGRATIONS, timeout_ms=20_000)
    await database.open()
    other = FileLock(tmp_path / "a.db", timeout_seconds=1)
    try:
        with other:
            first = asyncio.create_task(database.write(_insert(1).call))
            await asyncio.sleep(0.02)  # its transaction waits for the lock
            second = asyncio.create_task(database.write(_insert(2).call))
            await asyncio.sleep(0)
            second.cancel()
        assert await first == 1
        await database.write(_insert(3).call)
        assert await database.read(lambda db: db.execute("SELECT x FROM a").fetchall()) == [(1,), (3,)]
    finally:
        other.close()
        await database.aclose()


async def test_a_closed_database_is_unavailable(tmp_path: Path) -> None:
    database = FileDatabase(tmp_path / "a.db", MIGRATIONS, timeout_ms=500)
    await database.open()
    await database.aclose()

    with pytest.raises(Unavailable):
        await database.read(lambda db: db.execute("SELECT 1"))
    with pytest.raises(Unavailable):
        await database.write(lambda db: db.execute("SELECT 1"))


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"nonsense" * 1000)

    with pytest.raises(Unavailable, match="not a database"):
        await FileDatabase(tmp_path / "a.db", MIGRATIONS, timeout_ms=500).open()
