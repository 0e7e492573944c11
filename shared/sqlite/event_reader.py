"""An `EventReader` of `events.db`, which never writes."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from shared.clock import Clock
from shared.model.event import Identity
from shared.model.records import Count, Guard, Place, QueryResult, Record, StoredEvent
from shared.model.type_pattern import prefix_of, selects_all
from shared.sqlite.database import Database
from shared.sqlite.event_rows import EVENT_COLUMNS, find_guard, find_record, stored_event

_MAX_QUERY_BYTES = 1_000_000
"""Bytes of bodies after which a query stops, as in DynamoDB: limits the memory for a page of large bodies."""

_RANGE = "tenant = ? AND inbox = ? AND delivered = ? AND shard = ? AND position > ? AND position < ?"

# One seek per inbox, however many events it has.
_INBOXES = """WITH RECURSIVE found(name) AS (
        SELECT min(inbox) FROM events WHERE tenant = ? AND inbox > ?
        UNION ALL
        SELECT (SELECT min(inbox) FROM events WHERE tenant = ? AND inbox > found.name) FROM found
        WHERE found.name IS NOT NULL)
    SELECT name FROM found WHERE name IS NOT NULL LIMIT ?"""


class SqliteReader:
    """Reads one `events.db` whose inboxes have `shards` shards each."""

    def __init__(self, database: Database, clock: Clock, *, shards: int) -> None:
        self._database = database
        self._clock = clock
        self._shards = shards

    async def query(
        self,
        inbox: Place,
        *,
        shard: int,
        before: str,
        limit: int,
        types: Sequence[str] = (),
        newest_first: bool = False,
    ) -> QueryResult:
        """Return events of one shard between two positions, both exclusive; see `EventReader`."""
        wanted, values = _wanted(types, self._clock.wall_ms())
        order = "DESC" if newest_first else "ASC"
        # The bodies of unwanted rows are not read. One extra row shows whether the query is complete.
        sql = f"""SELECT position, CASE WHEN {wanted} THEN body END, {EVENT_COLUMNS}
            FROM events WHERE {_RANGE} ORDER BY position {order} LIMIT ?"""
        parameters = [*values, *_range(inbox, shard, before), limit + 1]
        return await self._database.read(lambda db: _collect(db.execute(sql, parameters), inbox, limit))

    async def count(self, inbox: Place, *, shard: int, before: str, limit: int, types: Sequence[str] = ()) -> Count:
        """Count events of one shard between two positions, both exclusive; see `EventReader`."""
        wanted, values = _wanted(types, self._clock.wall_ms())
        sql = f"""SELECT count(*), total(is_wanted), max(position) FROM (
            SELECT position, {wanted} AS is_wanted FROM events WHERE {_RANGE} ORDER BY position LIMIT ?)"""
        parameters = [*values, *_range(inbox, shard, before), limit]
        scanned, found, last = await self._database.read(lambda db: db.execute(sql, parameters).fetchone())
        return Count(events=int(found), stopped_at=last if scanned == limit else None)

    async def read_guard(self, identity: Identity) -> Guard | None:
        """Return the current guard of `identity`."""
        return await self._database.read(lambda db: find_guard(db, identity))

    async def read_events(self, places: Sequence[Place]) -> list[Record | None]:
        """Return the record at each of up to 25 places, None where there is none. Includes expired rows."""
        return await self._database.read(lambda db: [find_record(db, place, self._shards) for place in places])

    async def list_inboxes(self, tenant: str, *, after: str, limit: int) -> list[str]:
        """Return the inboxes of `tenant` that have rows."""
        rows = await self._database.read(lambda db: db.execute(_INBOXES, (tenant, after, tenant, limit)).fetchall())
        return [name for (name,) in rows]

    def mark(self) -> int:
        """Return a marker of the current state of the file."""
        return self._database.mark()

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:
        """Return within 10 ms of a commit by any process."""
        await self._database.wait_for_change(mark, timeout_ms)

    async def ready(self) -> None:
        """Return if the file can be read, else raise `Unavailable`."""
        await self._database.read(lambda db: db.execute("SELECT 1 FROM layout LIMIT 1").fetchone())


def _range(inbox: Place, shard: int, before: str) -> list[Any]:
    return [inbox.tenant, inbox.inbox, inbox.delivered, shard, inbox.position, before]


def _wanted(types: Sequence[str], now_ms: int) -> tuple[str, list[Any]]:
    """Return the condition for rows of unexpired events of one of `types`, and its values."""
    living = "type IS NOT NULL AND expires_at > ?"
    values: list[Any] = [now_ms // 1000]
    if selects_all(types):
        return living, values
    conditions = []
    for pattern in types:
        prefix = prefix_of(pattern)
        if prefix is None:
            conditions.append("type = ?")
            values.append(pattern)
        else:
            conditions.append("substr(type, 1, ?) = ?")
            values += [len(prefix), prefix]
    return f"{living} AND ({' OR '.join(conditions)})", values


def _collect(rows: sqlite3.Cursor, inbox: Place, limit: int) -> QueryResult:
    """Return the events in up to `limit` rows, fewer if their bodies reach `_MAX_QUERY_BYTES`."""
    tenant, name, _, delivered = inbox
    events: list[StoredEvent] = []
    scanned, size, last = 0, 0, None
    try:
        for position, body, *event in rows:
            if scanned == limit or size >= _MAX_QUERY_BYTES:
                return QueryResult(events=events, scanned_to=last, stopped_at=last)
            scanned, last = scanned + 1, position
            if body is None:
                continue
            size += len(body)
            events.append(stored_event(Place(tenant, name, position, delivered), event, body))
    finally:
        rows.close()  # otherwise the read stays open, and keeps the log from being reset
    return QueryResult(events=events, scanned_to=last, stopped_at=None)
