"""A `GroupStore` in `groups.db`. Every call is one transaction."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shared.model.groups import (
    GroupConfig,
    GroupName,
    Ledger,
    Quarantined,
    Retry,
    Window,
    decode_window,
    encode_window,
)
from shared.sqlite.database import Database
from shared.sqlite.schema import Migration

MIGRATIONS: tuple[Migration, ...] = (
    (
        """CREATE TABLE ledgers (
            tenant TEXT NOT NULL, inbox TEXT NOT NULL, name TEXT NOT NULL,
            born INTEGER NOT NULL, epoch INTEGER NOT NULL, serial INTEGER NOT NULL, frontier TEXT NOT NULL,
            config BLOB NOT NULL, PRIMARY KEY (tenant, inbox, name)
        ) WITHOUT ROWID""",
        """CREATE TABLE windows (
            tenant TEXT NOT NULL, inbox TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, window BLOB NOT NULL,
            PRIMARY KEY (tenant, inbox, name, key)
        ) WITHOUT ROWID""",
        """CREATE TABLE retries (
            tenant TEXT NOT NULL, inbox TEXT NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL,
            due INTEGER NOT NULL, position TEXT NOT NULL, attempt INTEGER NOT NULL, alone INTEGER NOT NULL,
            reason TEXT NOT NULL, expires_at INTEGER NOT NULL,
            PRIMARY KEY (tenant, inbox, name, epoch, due, position)
        ) WITHOUT ROWID""",
        "CREATE INDEX retries_by_expiry ON retries (expires_at)",
        """CREATE TABLE quarantine (
            tenant TEXT NOT NULL, inbox TEXT NOT NULL, name TEXT NOT NULL, born INTEGER NOT NULL,
            position TEXT NOT NULL, attempts INTEGER NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
            expires_at INTEGER NOT NULL, PRIMARY KEY (tenant, inbox, name, born, position)
        ) WITHOUT ROWID""",
        "CREATE INDEX quarantine_by_expiry ON quarantine (expires_at)",
    ),
)
"""`born`, `epoch`, `due` and `at` are epoch milliseconds, `expires_at` is epoch seconds."""

_OF_GROUP = "tenant = ? AND inbox = ? AND name = ?"
_LAST_DUE = 1 << 62

_config = msgspec.json.Decoder(GroupConfig)


class SqliteGroupStore:
    """The groups in one `groups.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, group: GroupName) -> Ledger | None:
        """Return the ledger."""
        return await self._database.read(lambda db: _find(db, group))

    async def groups_of(self, tenant: str, inbox: str) -> list[tuple[GroupName, Ledger]]:
        """Return the groups of an inbox."""

        def find(db: sqlite3.Connection) -> list[tuple[GroupName, Ledger]]:
            sql = "SELECT name FROM ledgers WHERE tenant = ? AND inbox = ? ORDER BY name"
            names = [GroupName(tenant, inbox, name) for (name,) in db.execute(sql, (tenant, inbox)).fetchall()]
            found = [(name, _find(db, name)) for name in names]
            return [(name, ledger) for name, ledger in found if ledger is not None]

        return await self._database.read(find)

    async def create(self, group: GroupName, ledger: Ledger) -> bool:
        """Add a group."""
        row = (ledger.born, ledger.epoch, ledger.serial, ledger.frontier, msgspec.json.encode(ledger.config))
        sql = "INSERT INTO ledgers VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        return await self._changed(sql, (*group, *row))

    async def configure(self, group: GroupName, born: int, config: GroupConfig) -> bool:
        """Replace the configuration."""
        sql = f"UPDATE ledgers SET config = ? WHERE {_OF_GROUP} AND born = ?"
        return await self._changed(sql, (msgspec.json.encode(config), *group, born))

    async def open(self, group: GroupName, seen: Ledger, frontier: str, windows: Mapping[str, Window]) -> bool:
        """Set the frontier and add windows."""
        sql = f"UPDATE ledgers SET frontier = ?, serial = serial + 1 WHERE {_OF_GROUP} AND epoch = ? AND serial = ?"

        def open_(db: sqlite3.Connection) -> bool:
            if not db.execute(sql, (frontier, *group, seen.epoch, seen.serial)).rowcount:
                return False
            _add(db, group, windows)
            return True

        return await self._database.write(open_)

    async def exchange(self, group: GroupName, key: str, seen: Window, windows: Mapping[str, Window]) -> bool:
        """Replace a window."""
        sql = f"DELETE FROM windows WHERE {_OF_GROUP} AND key = ? AND window = ?"

        def exchange(db: sqlite3.Connection) -> bool:
            if not db.execute(sql, (*group, key, encode_window(seen))).rowcount:
                return False
            _add(db, group, windows)
            return True

        return await self._database.write(exchange)

    async def seek(self, group: GroupName, seen: Ledger, frontier: str, epoch: int) -> bool:
        """Set the frontier and close all windows."""
        sql = f"""UPDATE ledgers SET frontier = ?, epoch = ?, serial = serial + 1
            WHERE {_OF_GROUP} AND epoch = ?"""

        def seek(db: sqlite3.Connection) -> bool:
            if not db.execute(sql, (frontier, epoch, *group, seen.epoch)).rowcount:
                return False
            db.execute(f"DELETE FROM windows WHERE {_OF_GROUP}", group)
            return True

        return await self._database.write(seek)

    async def delete(self, group: GroupName, born: int) -> bool:
        """Delete a group."""

        def delete(db: sqlite3.Connection) -> bool:
            if not db.execute(f"DELETE FROM ledgers WHERE {_OF_GROUP} AND born = ?", (*group, born)).rowcount:
                return False
            db.execute(f"DELETE FROM windows WHERE {_OF_GROUP}", group)
            return True

        return await self._database.write(delete)

    async def put_retries(self, group: GroupName, epoch: int, retries: Sequence[Retry], expires_at: int) -> None:
        """Write retries."""
        await self._write_all(
            "REPLACE INTO retries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*group, epoch, one.due, one.position, one.attempt, one.alone, one.reason, expires_at) for one in retries],
        )

    async def delete_retries(self, group: GroupName, epoch: int, names: Sequence[tuple[int, str]]) -> None:
        """Delete retries."""
        sql = f"DELETE FROM retries WHERE {_OF_GROUP} AND epoch = ? AND due = ? AND position = ?"
        await self._write_all(sql, [(*group, epoch, *name) for name in names])

    async def retries(
        self, group: GroupName, epoch: int, *, limit: int, before: int | None = None, after: tuple[int, str] = (0, "")
    ) -> list[Retry]:
        """Return retries in the order of due times."""
        sql = f"""SELECT due, position, attempt, alone, reason FROM retries
            WHERE {_OF_GROUP} AND epoch = ? AND (due, position) > (?, ?) AND due < ? ORDER BY due, position LIMIT ?"""
        values = (*group, epoch, *after, _LAST_DUE if before is None else before, limit)
        return await self._database.read(lambda db: list(map(_retry, db.execute(sql, values).fetchall())))

    async def find_retries(self, group: GroupName, epoch: int, names: Sequence[tuple[int, str]]) -> list[Retry]:
        """Return the retries that exist."""
        sql = f"""SELECT due, position, attempt, alone, reason FROM retries
            WHERE {_OF_GROUP} AND epoch = ? AND due = ? AND position = ?"""

        def find(db: sqlite3.Connection) -> list[Retry]:
            rows = [db.execute(sql, (*group, epoch, *name)).fetchone() for name in names]
            return [_retry(row) for row in rows if row is not None]

        return await self._database.read(find)

    async def put_quarantined(
        self, group: GroupName, born: int, events: Sequence[Quarantined], expires_at: int
    ) -> None:
        """Put events into quarantine."""
        await self._write_all(
            "REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*group, born, one.position, one.attempts, one.at, one.reason, expires_at) for one in events],
        )

    async def quarantined(self, group: GroupName, born: int, *, limit: int, after: str = "") -> list[Quarantined]:
        """Return events in quarantine."""
        sql = f"""SELECT position, attempts, at, reason FROM quarantine
            WHERE {_OF_GROUP} AND born = ? AND position > ? ORDER BY position LIMIT ?"""
        rows = await self._database.read(lambda db: db.execute(sql, (*group, born, after, limit)).fetchall())
        return [
            Quarantined(position=position, attempts=attempts, at=at, reason=reason)
            for position, attempts, at, reason in rows
        ]

    async def delete_quarantined(self, group: GroupName, born: int, places: Sequence[str]) -> None:
        """Take events out of quarantine."""
        sql = f"DELETE FROM quarantine WHERE {_OF_GROUP} AND born = ? AND position = ?"
        await self._write_all(sql, [(*group, born, place) for place in places])

    async def ready(self) -> None:
        """Return if the file can be read."""
        await self._database.read(lambda db: db.execute("SELECT 1 FROM ledgers LIMIT 1").fetchone())

    async def _changed(self, sql: str, values: tuple[Any, ...]) -> bool:
        return await self._database.write(lambda db: db.execute(sql, values).rowcount == 1)

    async def _write_all(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            await self._database.write(lambda db: db.executemany(sql, rows).rowcount)


def _find(db: sqlite3.Connection, group: GroupName) -> Ledger | None:
    """Return a ledger with its windows. One statement, so that no transaction can come in between."""
    sql = """SELECT l.born, l.epoch, l.serial, l.frontier, l.config, w.key, w.window
        FROM ledgers l LEFT JOIN windows w ON w.tenant = l.tenant AND w.inbox = l.inbox AND w.name = l.name
        WHERE l.tenant = ? AND l.inbox = ? AND l.name = ?"""
    rows = db.execute(sql, group).fetchall()
    if not rows:
        return None
    born, epoch, serial, frontier, config, _, _ = rows[0]
    windows = {key: decode_window(window) for *_, key, window in rows if key is not None}
    return Ledger(
        born=born,
        epoch=epoch,
        serial=serial,
        frontier=frontier,
        config=_config.decode(config),
        windows=windows,
    )


def _add(db: sqlite3.Connection, group: GroupName, windows: Mapping[str, Window]) -> None:
    rows = [(*group, key, encode_window(window)) for key, window in windows.items()]
    db.executemany("INSERT INTO windows VALUES (?, ?, ?, ?, ?)", rows)


def _retry(row: tuple[Any, ...]) -> Retry:
    due, position, attempt, alone, reason = row
    return Retry(due=due, position=position, attempt=attempt, alone=bool(alone), reason=reason)
