"""A connection with its own thread, on top of aiosqlite: one thread hop per call, whatever the call does."""

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
        """Start a thread and connect in it; raise the errors of `connect`."""
        return cls(await aiosqlite.Connection(connect, _UNUSED_CHUNK_SIZE))

    async def run(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `call`. Once started it runs to completion, even if the caller is cancelled."""
        # aiosqlite's public methods run one statement per hop, and a hop costs more than most statements.
        raw = self._connection._conn  # noqa: SLF001
        return await self._connection._execute(call, raw)  # type: ignore[no-untyped-call, no-any-return] # noqa: SLF001

    async def aclose(self) -> None:
        """Finish pending calls, close the connection and end its thread."""
        await self._connection.close()
