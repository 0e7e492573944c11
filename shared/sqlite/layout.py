"""Stores the number of shards in `events.db`, since it can't change during the life of the file.

With another number, reads would use the wrong keys and silently miss events. So the file records the number with which
it was first used. The worker claims it before its first write, and readers check it.
"""

import sqlite3

from shared.model.errors import InvalidSettings
from shared.settings import Settings
from shared.sqlite.database import Database


async def claim(database: Database, settings: Settings) -> None:
    """Store `INBOX_SHARDS`, or raise `InvalidSettings` if the file was first used with another number."""
    if not await database.read(_used):

        def store(db: sqlite3.Connection) -> None:
            if not _used(db):
                db.execute("INSERT INTO layout VALUES (?)", (settings.inbox_shards,))

        await database.write(store)
    await check(database, settings)


async def check(database: Database, settings: Settings) -> None:
    """Raise `InvalidSettings` if the file was first used with another `INBOX_SHARDS`; a new file accepts any number."""
    used = await database.read(_used)
    if used not in (0, settings.inbox_shards):
        raise InvalidSettings([f"INBOX_SHARDS={settings.inbox_shards}: events.db was created with {used}, permanently"])


def _used(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT inbox_shards FROM layout").fetchone()
    return 0 if row is None else int(row[0])
