"""A `KeyStore` in `keys.db`. A record is one JSON object, so a new field needs no migration."""

import sqlite3
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from shared.model.api_key import ApiKey, in_order, key_taken, unknown_key
from shared.sqlite.database import Database
from shared.sqlite.schema import Migration

MIGRATIONS: tuple[Migration, ...] = (
    (
        "CREATE TABLE keys (key_id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID",
        # When the bucket of a key is full again, in epoch microseconds; see `shared.model.token_budget`.
        "CREATE TABLE buckets (key_id TEXT PRIMARY KEY, full_us INTEGER NOT NULL) WITHOUT ROWID",
    ),
    (
        # See `shared.sqlite.source_store`.
        """CREATE TABLE sources (
            source_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
            record BLOB NOT NULL, UNIQUE (tenant, name)
        ) WITHOUT ROWID""",
    ),
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ApiKey)

Change = Callable[[ApiKey], ApiKey]


class SqliteKeyStore:
    """The API keys in one `keys.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key, None if it does not exist."""
        return await self._database.read(lambda db: _find(db, key_id))

    async def put(self, key: ApiKey) -> None:
        """Add a key; never replace one."""
        sql, row = "INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", (key.key_id, _encoder.encode(key))
        if not await self._database.write(lambda db: db.execute(sql, row).rowcount):
            raise key_taken(key)

    async def keys_of(self, tenant: str | None = None) -> list[ApiKey]:
        """Return keys, oldest first."""
        rows = await self._database.read(lambda db: db.execute("SELECT record FROM keys").fetchall())
        return in_order((_decoder.decode(record) for (record,) in rows), tenant)

    async def revoke(self, key_id: str, revoked_at: int) -> ApiKey:
        """Mark a key as revoked."""
        return await self._change(
            key_id, lambda key: key if key.revoked_at is not None else replace(key, revoked_at=revoked_at)
        )

    async def expire(self, key_id: str, expires_at: int) -> ApiKey:
        """Make a key expire."""
        return await self._change(
            key_id,
            lambda key: (
                replace(key, expires_at=expires_at) if key.expires_at is None or expires_at < key.expires_at else key
            ),
        )

    async def record_use(self, key_id: str, used_at: int) -> None:
        """Record a use. A power failure may undo it; the next use is recorded again."""

        def record(key: ApiKey) -> ApiKey:
            return replace(key, last_used_at=used_at) if (key.last_used_at or 0) < used_at else key

        await self._database.write(lambda db: _update(db, key_id, record), durable=False)

    async def ready(self) -> None:
        """Return if the file can be read."""
        await self.get("ready")

    async def _change(self, key_id: str, change: Change) -> ApiKey:
        key = await self._database.write(lambda db: _update(db, key_id, change))
        if key is None:
            raise unknown_key(key_id)
        return key


def _find(db: sqlite3.Connection, key_id: str) -> ApiKey | None:
    row = db.execute("SELECT record FROM keys WHERE key_id = ?", (key_id,)).fetchone()
    return None if row is None else _decoder.decode(row[0])


def _update(db: sqlite3.Connection, key_id: str, change: Change) -> ApiKey | None:
    """Change a key if it exists; return the changed key."""
    old = _find(db, key_id)
    if old is None:
        return None
    new = change(old)
    if new is not old:
        db.execute("UPDATE keys SET record = ? WHERE key_id = ?", (_encoder.encode(new), key_id))
    return new
