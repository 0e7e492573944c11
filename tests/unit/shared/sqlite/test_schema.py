import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shared.model.errors import InvalidSettings
from shared.sqlite.schema import Migration, migrate, open_reader, open_writer, version_of

FIRST: Migration = ("CREATE TABLE a (x INTEGER)", "INSERT INTO a VALUES (1)")
SECOND: Migration = ("ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7",)


def _rows(connection: sqlite3.Connection) -> list[tuple[int, ...]]:
    return connection.execute("SELECT * FROM a").fetchall()


def test_a_new_file_gets_every_migration(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "a.db", (FIRST, SECOND))) as connection:
        assert version_of(connection) == 2
        assert _rows(connection) == [(1, 7)]


def test_an_old_file_gets_the_migrations_that_it_lacks(tmp_path: Path) -> None:
    open_writer(tmp_path / "a.db", (FIRST,)).close()

    with closing(open_writer(tmp_path / "a.db", (FIRST, SECOND))) as connection:
        assert version_of(connection) == 2
        assert _rows(connection) == [(1, 7)]


def test_a_reader_makes_or_migrates_the_file(tmp_path: Path) -> None:
    with closing(open_reader(tmp_path / "a.db", (FIRST,))) as connection:
        assert _rows(connection) == [(1,)]
    with closing(open_reader(tmp_path / "a.db", (FIRST, SECOND))) as connection:
        assert _rows(connection) == [(1, 7)]


def test_a_reader_can_not_write(tmp_path: Path) -> None:
    with closing(open_reader(tmp_path / "a.db", (FIRST,))) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("INSERT INTO a VALUES (2)")


@pytest.mark.parametrize("open_", [open_writer, open_reader])
def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path, open_: object) -> None:
    open_writer(tmp_path / "a.db", (FIRST, SECOND)).close()

    with pytest.raises(InvalidSettings, match=r"a\.db has schema version 2; .* up to version 1"):
        open_(tmp_path / "a.db", (FIRST,))  # type: ignore[operator]

    with closing(open_writer(tmp_path / "a.db", (FIRST, SECOND))) as connection:
        assert _rows(connection) == [(1, 7)]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "a.db", (FIRST,))) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, (FIRST, (*SECOND, "NONSENSE")), "a.db")

        assert version_of(connection) == 1
        assert _rows(connection) == [(1,)]


def test_commits_wait_for_the_disk_and_the_log_is_a_wal(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "a.db", (FIRST,))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
