"""Deletes expired data, as DynamoDB, SQS and S3 do automatically. Runs in the worker process.

Transactions are small and separated by pauses, so other commits never wait long. Freed pages are reused; files do not
shrink. Deletions do not wait for the disk: one that a power failure undoes is repeated.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from shared.clock import Clock
from shared.containers import batches
from shared.model.errors import Unavailable, Unclear
from shared.settings import Settings
from shared.sqlite.bodies import INCOMING
from shared.sqlite.database import Database

_PERIOD_MS = 60_000
_PAUSE_MS = 20
_ROWS = 250
"""Rows per transaction, which takes 1 to 2 ms."""
_BUCKET_KEPT_US = 3_600_000_000  # after the bucket is full, when the row is equivalent to none
_DAY_SECONDS = 86_400

_EVENTS = """DELETE FROM events WHERE (tenant, inbox, delivered, position) IN (
    SELECT tenant, inbox, delivered, position FROM events WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"""
_GUARDS = """DELETE FROM guards WHERE (tenant, inbox, source, id, kept) IN (
    SELECT tenant, inbox, source, id, kept FROM guards WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"""
_RETRIES = """DELETE FROM retries WHERE (tenant, inbox, name, epoch, due, position) IN (
    SELECT tenant, inbox, name, epoch, due, position FROM retries WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"""
_QUARANTINE = """DELETE FROM quarantine WHERE (tenant, inbox, name, born, position) IN (
    SELECT tenant, inbox, name, born, position FROM quarantine WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"""
_OLD_MESSAGES = "SELECT id FROM messages WHERE kept_until <= ?"
_BUCKETS = "DELETE FROM buckets WHERE key_id IN (SELECT key_id FROM buckets WHERE full_us <= ? LIMIT ?)"


class Databases(Protocol):
    """The databases of a data directory, each open when it is returned."""

    async def events(self) -> Database:
        """Return `events.db`."""
        ...

    async def messages(self) -> Database:
        """Return `queue.db`."""
        ...

    async def key_file(self) -> Database:
        """Return `keys.db`."""
        ...

    async def group_file(self) -> Database:
        """Return `groups.db`."""
        ...


class Sweeper:
    """Sweeps one data directory. The caller closes the databases."""

    def __init__(self, databases: Databases, settings: Settings, clock: Clock) -> None:
        self._databases = databases
        self._clock = clock
        self._bodies = Path(settings.data_dir).absolute() / "bodies"
        # An event is kept for EVENT_TTL_DAYS from acceptance and, if acked on its last day, as long again.
        self._body_seconds = (2 * settings.event_ttl_days + 1) * _DAY_SECONDS

    async def run(self) -> None:
        """Sweep once a minute until cancelled."""
        while True:
            with suppress(Unavailable, Unclear):  # the next round tries again
                await self.sweep()
            await self._clock.sleep_ms(_PERIOD_MS)

    async def sweep(self) -> int:
        """Delete all expired data; return the number of rows and files."""
        now_ms = self._clock.wall_ms()
        events = await self._databases.events()
        messages, keys = await self._databases.messages(), await self._databases.key_file()
        groups = await self._databases.group_file()
        return sum(
            [
                await self._sweep_rows(events, _deletes(_EVENTS, now_ms // 1000)),
                await self._sweep_rows(events, _deletes(_GUARDS, now_ms // 1000)),
                await self._sweep_rows(groups, _deletes(_RETRIES, now_ms // 1000)),
                await self._sweep_rows(groups, _deletes(_QUARANTINE, now_ms // 1000)),
                await self._sweep_messages(messages, now_ms),
                await self._sweep_rows(keys, _deletes(_BUCKETS, now_ms * 1000 - _BUCKET_KEPT_US)),
                await asyncio.to_thread(self._sweep_bodies, now_ms // 1000),
            ]
        )

    async def _sweep_rows(self, database: Database, delete: Callable[[sqlite3.Connection], int]) -> int:
        swept = 0
        while deleted := await database.write(delete, durable=False):
            swept += deleted
            if deleted < _ROWS:
                break
            await self._clock.sleep_ms(_PAUSE_MS)
        return swept

    async def _sweep_messages(self, database: Database, now_ms: int) -> int:
        """Delete old messages; without an index for them, they are searched for outside of the transaction."""
        ids = await database.read(lambda db: db.execute(_OLD_MESSAGES, (now_ms,)).fetchall())
        for batch in batches(ids, _ROWS):
            await database.write(partial(_delete_messages, ids=batch, now_ms=now_ms), durable=False)
            await self._clock.sleep_ms(_PAUSE_MS)
        return len(ids)

    def _sweep_bodies(self, now: int) -> int:
        """Delete expired files, and unfinished ones of killed processes."""
        swept = 0
        for directory in self._bodies.iterdir() if self._bodies.exists() else ():
            kept_seconds = _DAY_SECONDS if directory.name == INCOMING else self._body_seconds
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.stat().st_mtime <= now - kept_seconds:
                        Path(entry.path).unlink(missing_ok=True)
                        swept += 1
        return swept


def _deletes(sql: str, before: int) -> Callable[[sqlite3.Connection], int]:
    return lambda db: db.execute(sql, (before, _ROWS)).rowcount


def _delete_messages(db: sqlite3.Connection, ids: Sequence[tuple[int]], now_ms: int) -> None:
    for (id_,) in ids:
        # Unless it has since moved to the DLQ, which extends its retention.
        if db.execute("DELETE FROM messages WHERE id = ? AND kept_until <= ?", (id_, now_ms)).rowcount:
            db.execute("DELETE FROM contents WHERE id = ?", (id_,))
