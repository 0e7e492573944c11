"""The tables of `events.db`, and the conversion of records to rows and back.

The key of an event begins with its inbox and ends with its position, so a page is one range of one B-tree, and new
events of an inbox go to its end. A tombstone is a row without a type. An event that was moved has its own position as
`moved_to`. `body` comes last, so that skipping a row does not read it.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from shared.model.event import Identity
from shared.model.records import Guard, Place, Record, StoredEvent, Tombstone
from shared.sqlite.schema import Migration

MIGRATIONS: tuple[Migration, ...] = (
    (
        """CREATE TABLE events (
            tenant TEXT NOT NULL, inbox TEXT NOT NULL, delivered INTEGER NOT NULL, shard INTEGER NOT NULL,
            position TEXT NOT NULL, type TEXT, accepted_at INTEGER, expires_at INTEGER NOT NULL, delivered_at INTEGER,
            moved_to TEXT, body_key TEXT, body BLOB,
            PRIMARY KEY (tenant, inbox, delivered, shard, position)
        ) WITHOUT ROWID""",
        "CREATE INDEX events_by_expiry ON events (expires_at)",
        # `kept` is empty for the current guard of an identity, and the receipt for an older one.
        """CREATE TABLE guards (
            tenant TEXT NOT NULL, inbox TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, kept TEXT NOT NULL,
            receipt TEXT NOT NULL, position TEXT NOT NULL, accepted_at INTEGER NOT NULL, digest TEXT NOT NULL,
            expires_at INTEGER NOT NULL, erased_at INTEGER, version INTEGER NOT NULL,
            PRIMARY KEY (tenant, inbox, source, id, kept)
        ) WITHOUT ROWID""",
        "CREATE INDEX guards_by_expiry ON guards (expires_at)",
        "CREATE TABLE layout (inbox_shards INTEGER NOT NULL)",
    ),
    (
        # Inboxes had shards, which one writer does not need.
        """CREATE TABLE unsharded (
            tenant TEXT NOT NULL, inbox TEXT NOT NULL, delivered INTEGER NOT NULL, position TEXT NOT NULL,
            type TEXT, accepted_at INTEGER, expires_at INTEGER NOT NULL, delivered_at INTEGER,
            moved_to TEXT, body_key TEXT, body BLOB,
            PRIMARY KEY (tenant, inbox, delivered, position)
        ) WITHOUT ROWID""",
        """INSERT INTO unsharded SELECT tenant, inbox, delivered, position, type, accepted_at, expires_at, delivered_at,
            moved_to, body_key, body FROM events""",
        "DROP TABLE events",
        "ALTER TABLE unsharded RENAME TO events",
        "CREATE INDEX events_by_expiry ON events (expires_at)",
        "DROP TABLE layout",
    ),
)
"""`accepted_at`, `delivered_at` and `erased_at` are epoch milliseconds, `expires_at` is epoch seconds."""

Row = tuple[Any, ...]

AT_PLACE = "tenant = ? AND inbox = ? AND delivered = ? AND position = ?"
OF_IDENTITY = "tenant = ? AND inbox = ? AND source = ? AND id = ?"

_INSERT_EVENT = f"INSERT INTO events VALUES ({', '.join('?' * 11)})"
_INSERT_GUARD = f"INSERT INTO guards VALUES ({', '.join('?' * 12)})"
EVENT_COLUMNS = "type, accepted_at, expires_at, delivered_at, body_key, moved_to"
"""The columns of an event beside its key and its body, as `stored_event` takes them."""

_SELECT_EVENT = f"""SELECT body, {EVENT_COLUMNS}
    FROM events WHERE {AT_PLACE}"""
_SELECT_GUARDS = f"""SELECT receipt, position, accepted_at, digest, expires_at, erased_at, kept, version
    FROM guards WHERE {OF_IDENTITY}"""


def place_key(place: Place) -> Row:
    """Return the primary key of the record at `place`, for `AT_PLACE`."""
    return place.tenant, place.inbox, place.delivered, place.position


def add_record(db: sqlite3.Connection, record: Record) -> bool:
    """Insert `record` if its place is free; return whether it was inserted."""
    return db.execute(f"{_INSERT_EVENT} ON CONFLICT DO NOTHING", _event_row(record)).rowcount == 1


def put_record(db: sqlite3.Connection, record: Record) -> None:
    """Write `record`, replacing any record at its place."""
    db.execute(_INSERT_EVENT.replace("INSERT", "REPLACE", 1), _event_row(record))


def find_record(db: sqlite3.Connection, place: Place) -> Record | None:
    """Return the record at `place`."""
    row = db.execute(_SELECT_EVENT, place_key(place)).fetchone()
    if row is None:
        return None
    body, *event = row
    type_, _, expires_at, *_, moved_to = event
    if type_ is None:
        return Tombstone(place=place, moved_to=moved_to, expires_at=expires_at)
    return stored_event(place, event, body)


def stored_event(place: Place, row: Sequence[Any], body: bytes) -> StoredEvent:
    """Return the event of a row of `EVENT_COLUMNS`."""
    type_, accepted_at, expires_at, delivered_at, body_key, moved_to = row
    return StoredEvent(
        place=place,
        type=type_,
        body=body,
        accepted_at=accepted_at,
        expires_at=expires_at,
        body_key=body_key,
        delivered_at=delivered_at,
        moved=moved_to is not None,
    )


def add_guard(db: sqlite3.Connection, guard: Guard) -> bool:
    """Insert `guard` if its key is free; return whether it was inserted."""
    row = (
        *guard.identity,
        "" if guard.current else guard.receipt,
        guard.receipt,
        guard.position,
        guard.accepted_at,
        guard.digest,
        guard.expires_at,
        guard.erased_at,
        guard.version if guard.current else 0,
    )
    return db.execute(f"{_INSERT_GUARD} ON CONFLICT DO NOTHING", row).rowcount == 1


def find_guard(db: sqlite3.Connection, identity: Identity) -> Guard | None:
    """Return the current guard of `identity`."""
    row = db.execute(f"{_SELECT_GUARDS} AND kept = ''", identity).fetchone()
    return None if row is None else _guard(row, identity)


def find_guards(db: sqlite3.Connection, identity: Identity) -> list[Guard]:
    """Return all guards of `identity`."""
    return [_guard(row, identity) for row in db.execute(_SELECT_GUARDS, identity)]


def _event_row(record: Record) -> Row:
    key = place_key(record.place)
    if isinstance(record, Tombstone):
        return (*key, None, None, record.expires_at, None, record.moved_to, None, None)
    return (
        *key,
        record.type,
        record.accepted_at,
        record.expires_at,
        record.delivered_at,
        record.place.position if record.moved else None,
        record.body_key,
        record.body,
    )


def _guard(row: Row, identity: Identity) -> Guard:
    receipt, position, accepted_at, digest, expires_at, erased_at, kept, version = row
    return Guard(
        identity=identity,
        receipt=receipt,
        position=position,
        accepted_at=accepted_at,
        digest=digest,
        expires_at=expires_at,
        erased_at=erased_at,
        current=not kept,
        version=version,
    )
