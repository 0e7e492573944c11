"""The SQLite store in virtual time: in memory, without threads, every write committed beside another."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TypeVar, cast

from shared.clock import Clock
from shared.model.event import Identity
from shared.model.records import Guard, Place, Record
from shared.sqlite import event_rows
from shared.sqlite.event_store import SqliteStore
from shared.sqlite.group_commit import Committer, Write
from shared.sqlite.schema import Migration, migrate
from tests.simulation.faults.expiry import ExpiringMemoryStore

T = TypeVar("T")


class InlineDatabase:
    """A `Database` whose calls take effect where they are made, and never wait."""

    def __init__(self, migrations: Sequence[Migration] = event_rows.MIGRATIONS) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.connection, migrations, ":memory:")
        self._committer = Committer(self.connection, ":memory:", nullcontext())

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        return call(self.connection)

    async def write(self, call: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        write = Write(call, durable=durable)
        # Two in a group, so that a call that is refused is undone by its savepoint.
        self._committer.commit([write, Write(lambda _: None, durable=True)])
        if write.error is not None:
            raise write.error
        return cast("T", write.result)

    def mark(self) -> int:
        return self.connection.total_changes

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:
        """Return: in virtual time, changes are not waited for."""


class OrderedMemoryStore(ExpiringMemoryStore):
    """A `MemoryStore` that reads guards in the order of a `SqliteStore`; the port promises none."""

    async def read_guards(self, identity: Identity) -> list[Guard]:
        return sorted(await super().read_guards(identity), key=lambda guard: (not guard.current, guard.receipt))


class SimulatedSqliteStore(SqliteStore):
    """A `SqliteStore` that shows the checks what it holds."""

    def __init__(self, clock: Clock) -> None:
        self._inline = InlineDatabase()
        super().__init__(self._inline, clock)

    @property
    def records(self) -> Mapping[Place, Record]:
        rows = self._inline.connection.execute("SELECT tenant, inbox, position, delivered FROM events").fetchall()
        places = [Place(tenant, inbox, position, bool(delivered)) for tenant, inbox, position, delivered in rows]
        found = {place: event_rows.find_record(self._inline.connection, place) for place in places}
        return {place: record for place, record in found.items() if record is not None}

    def guards(self) -> list[Guard]:
        rows = self._inline.connection.execute("SELECT DISTINCT tenant, inbox, source, id FROM guards").fetchall()
        identities = [Identity(*row) for row in rows]
        return [guard for one in identities for guard in event_rows.find_guards(self._inline.connection, one)]

    def expire(self, now: int) -> None:
        for table in ("events", "guards"):
            self._inline.connection.execute(f"DELETE FROM {table} WHERE expires_at <= ?", (now,))  # noqa: S608

    def close(self) -> None:
        self._inline.connection.close()
