"""A `Budget` in `keys.db`. See `shared.model.token_budget`."""

import sqlite3

from shared.model.api_key import ApiKey
from shared.model.token_budget import Lease, span_us, tokens_to_take
from shared.sqlite.database import Database


class SqliteBudget:
    """One row per key. Leases need not survive a power failure, so they don't wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> Lease:  # noqa: ARG002
        """Take tokens. `full_us` is ignored: reading the row in the same transaction costs nothing."""

        def take(db: sqlite3.Connection) -> Lease:
            row = db.execute("SELECT full_us FROM buckets WHERE key_id = ?", (key.key_id,)).fetchone()
            found_us = 0 if row is None else int(row[0])
            amount = tokens_to_take(key, least=least, most=most, now_ms=now_ms, full_us=found_us)
            if amount:
                found_us = max(found_us, now_ms * 1000) + span_us(key, amount)
                db.execute("REPLACE INTO buckets VALUES (?, ?)", (key.key_id, found_us))
            return Lease(amount, found_us)

        return await self._database.write(take, durable=False)
