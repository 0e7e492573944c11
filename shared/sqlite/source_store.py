"""A `SourceStore` in `keys.db`. A record is one JSON object, so a new field needs no migration."""

import sqlite3

import msgspec

from shared.model.source import Source, changed_meanwhile, in_order, name_taken, unknown_source
from shared.sqlite.database import Database

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Source).decode


class SqliteSourceStore:
    """The sources in one `keys.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, source_id: str) -> Source | None:
        """Return the source, None if it does not exist."""
        return await self._one("SELECT record FROM sources WHERE source_id = ?", source_id)

    async def find(self, tenant: str, name: str) -> Source | None:
        """Return the tenant's source of this name."""
        return await self._one("SELECT record FROM sources WHERE tenant = ? AND name = ?", tenant, name)

    async def put(self, source: Source) -> None:
        """Add a source."""
        sql = "INSERT INTO sources VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        row = (source.source_id, source.tenant, source.name, source.version, _encode(source))
        if not await self._database.write(lambda db: db.execute(sql, row).rowcount):
            raise name_taken(source)

    async def sources_of(self, tenant: str | None = None) -> list[Source]:
        """Return sources by tenant and name."""
        rows = await self._database.read(lambda db: db.execute("SELECT record FROM sources").fetchall())
        return in_order((_decode(record) for (record,) in rows), tenant)

    async def replace(self, source: Source) -> None:
        """Store a changed source."""
        sql = "UPDATE sources SET version = ?, record = ? WHERE source_id = ? AND version = ?"
        row = (source.version, _encode(source), source.source_id, source.version - 1)
        if not await self._database.write(lambda db: db.execute(sql, row).rowcount):
            raise changed_meanwhile(source) if await self.get(source.source_id) else unknown_source(source.name)

    async def delete(self, source: Source) -> None:
        """Remove a source."""
        sql = "DELETE FROM sources WHERE source_id = ?"
        await self._database.write(lambda db: db.execute(sql, (source.source_id,)).rowcount)

    async def ready(self) -> None:
        """Return if the file can be read."""
        await self.get("ready")

    async def _one(self, sql: str, *values: str) -> Source | None:
        def find(db: sqlite3.Connection) -> Source | None:
            row = db.execute(sql, values).fetchone()
            return None if row is None else _decode(row[0])

        return await self._database.read(find)
