"""A connection with a thread of its own: aiosqlite's, one hop a call whatever the call does."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import aiosqlite

T = TypeVar("T")

_UNUSED_CHUNK_SIZE = 64  # of rows, for aiosqlite's own cursors


class Connection:
    """Runs functions on a SQLite connection in its thread, one after another, in the order of the calls."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, connect: Callable[[], sqlite3.Connection]) -> "Connection":
        """Start a thread, and connect in it; raises what `connect` raises."""
        errors: list[Exception] = []

        def connect_or_note() -> sqlite3.Connection:
            # aiosqlite ends the thread of a connection that fails without waiting for it, and a thread that outlives
            # the event loop reports an error of its own.
            try:
                return connect()
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
                return sqlite3.connect(":memory:", check_same_thread=False)

        connection = await aiosqlite.Connection(connect_or_note, _UNUSED_CHUNK_SIZE)
        if errors:
            await connection.close()
            raise errors[0]
        return cls(connection)

    async def run(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `call` returns. Once started it runs to its end, though the caller may be cancelled."""
        # aiosqlite's public methods run one statement a hop, and a hop costs more than most statements do.
        raw = self._connection._conn  # noqa: SLF001
        return await self._connection._execute(call, raw)  # type: ignore[no-untyped-call, no-any-return] # noqa: SLF001

    async def aclose(self) -> None:
        """Finish the calls that were made, close the connection and end its thread."""
        await self._connection.close()
