"""The state of a data directory, read without changing or locking anything."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

FILES = ("queue.db", "events.db", "keys.db", "groups.db")


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """A database file. `bytes` includes its log; None if the file does not exist."""

    name: str
    bytes: int | None


class MessageCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one queue: available, received and not deleted, and sent with a delay."""

    waiting: int
    in_flight: int
    delayed: int


def file_states(directory: Path) -> list[FileState]:
    """Return the state of each database file."""
    return [FileState(name=name, bytes=_size(directory / name)) for name in FILES]


def message_counts(directory: Path, queue: str, now_ms: int) -> MessageCounts:
    """Return the counts of a queue; raises `sqlite3.Error` if the file can't be read."""
    sql = """SELECT count(*) FILTER (WHERE visible_at <= :now),
        count(*) FILTER (WHERE visible_at > :now AND receives > 0),
        count(*) FILTER (WHERE visible_at > :now AND receives = 0) FROM messages WHERE queue = :queue"""
    uri = f"{(directory / 'queue.db').absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        waiting, in_flight, delayed = connection.execute(sql, {"now": now_ms, "queue": queue}).fetchone()
    return MessageCounts(waiting=waiting, in_flight=in_flight, delayed=delayed)


def _size(path: Path) -> int | None:
    if not path.exists():
        return None
    log = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
