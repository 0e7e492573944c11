"""An `EventStore` in `events.db`. Every writing method is one transaction."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from shared.model.errors import Poison
from shared.model.event import Identity
from shared.model.records import Guard, Outcome, Place, StoredEvent, Tombstone
from shared.sqlite.errors import NOT_STORABLE
from shared.sqlite.event_reader import SqliteReader
from shared.sqlite.event_rows import (
    AT_PLACE,
    OF_IDENTITY,
    add_guard,
    add_record,
    find_guard,
    find_guards,
    place_key,
    put_record,
)

T = TypeVar("T")

_TOMBSTONE_SECONDS = 86_400
"""Lifetime of a tombstone: far longer than the time in which an abandoned call can still take effect."""

_REMOVE = f"DELETE FROM events WHERE {AT_PLACE} AND type IS NOT NULL"
_RAISE_VERSION = f"UPDATE guards SET version = version + 1 WHERE {OF_IDENTITY} AND kept = ''"
_KEEP = f"UPDATE guards SET kept = receipt, version = 0 WHERE {OF_IDENTITY} AND kept = ''"
_MOVE = f"UPDATE guards SET position = ? WHERE {OF_IDENTITY} AND kept = ?"
_MOVE_CURRENT = (
    f"UPDATE guards SET position = ?, version = ? WHERE {OF_IDENTITY} AND kept = '' AND receipt = ? AND version = ?"
)
_ERASE = f"UPDATE guards SET erased_at = ?, expires_at = ? WHERE {OF_IDENTITY} AND kept = ?"


class _ConditionFailed(Exception):
    """The condition of a change does not hold, so it is rolled back."""


class SqliteStore(SqliteReader):
    """Reads and writes one `events.db`."""

    async def prepare(self) -> None:
        """Return: nothing needs to be read first."""

    async def insert_guards(self, guards: Sequence[Guard]) -> list[Outcome]:
        """Claim identities; each succeeds or fails independently."""
        return await self._database.write(lambda db: [_outcome(add_guard, db, guard) for guard in guards])

    async def insert_events(self, events: Sequence[StoredEvent]) -> list[Outcome]:
        """Insert events at their places, independently; `EXISTS` if a place is taken."""
        return await self._database.write(lambda db: [_outcome(add_record, db, event) for event in events])

    async def remove_events(self, places: Sequence[Place]) -> None:
        """Delete the events at `places`; tombstones remain."""
        if places:
            keys = [place_key(place) for place in places]
            await self._database.write(lambda db: db.executemany(_REMOVE, keys))

    async def read_guards(self, identity: Identity) -> list[Guard]:
        """Return all guards of `identity`, the current one and the older ones."""
        return await self._database.read(lambda db: find_guards(db, identity))

    async def move_guards(self, moved: Sequence[Guard]) -> list[Outcome]:
        """Move current guards to other positions; each succeeds or fails independently."""
        return await self._database.write(lambda db: [_outcome(_move_guard, db, guard) for guard in moved])

    async def take_over(self, current: Guard, new: Guard) -> bool:
        """Make `new` the current guard; keep the old one under its receipt."""

        def change(db: sqlite3.Connection) -> None:
            try:
                db.execute(_KEEP, current.identity)
            except sqlite3.IntegrityError:  # there is already a guard under that receipt
                raise _ConditionFailed from None
            add_guard(db, replace(new, current=True, version=current.version + 1))

        return await self._change(current, change)

    async def insert_older(self, current: Guard, older: Guard) -> bool:
        """Add the guard of an event accepted before the current guard's event, under its receipt."""

        def change(db: sqlite3.Connection) -> None:
            _check(add_guard(db, replace(older, current=False)))
            db.execute(_RAISE_VERSION, current.identity)

        return await self._change(current, change)

    async def move_and_insert(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move `guard` to the event's position, and insert the event."""
        return await self._change(current, lambda db: self._move(db, current, guard, event))

    async def reposition(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move `guard` and its event to the event's place, leaving tombstones at the old one; see `EventStore`."""
        old, position = event.place._replace(position=guard.position), event.place.position

        def change(db: sqlite3.Connection) -> None:
            self._move(db, current, guard, replace(event, moved=True))
            # Added, not put: an event there was acked, and must not be replaced.
            _check(add_record(db, self._tombstone(old._replace(delivered=True), position)))
            put_record(db, self._tombstone(old, position))

        return await self._change(current, change)

    async def erase(self, current: Guard, erased: Guard) -> bool:
        """Mark a guard as `erased` says, and put tombstones at both places of its position."""
        place = Place(erased.identity.tenant, erased.identity.inbox, erased.position)

        def change(db: sqlite3.Connection) -> None:
            _check(db.execute(_ERASE, (erased.erased_at, erased.expires_at, *_key(erased))).rowcount == 1)
            put_record(db, self._tombstone(place, None))
            put_record(db, self._tombstone(place._replace(delivered=True), None))
            db.execute(_RAISE_VERSION, current.identity)

        return await self._change(current, change)

    def _move(self, db: sqlite3.Connection, current: Guard, guard: Guard, event: StoredEvent) -> None:
        _check(db.execute(_MOVE, (event.place.position, *_key(guard))).rowcount == 1)
        _check(add_record(db, event))
        db.execute(_RAISE_VERSION, current.identity)

    async def _change(self, current: Guard, change: Callable[[sqlite3.Connection], None]) -> bool:
        """Make a change if the identity's current guard still matches `current`; return whether it was made."""

        def checked(db: sqlite3.Connection) -> None:
            now = find_guard(db, current.identity)
            _check(now is not None and (now.receipt, now.version) == (current.receipt, current.version))
            change(db)

        try:
            await self._database.write(checked)
        except _ConditionFailed:
            return False
        except NOT_STORABLE:
            raise Poison("the store refuses the event") from None
        return True

    def _tombstone(self, place: Place, moved_to: str | None) -> Tombstone:
        expires_at = self._clock.wall_ms() // 1000 + _TOMBSTONE_SECONDS
        return Tombstone(place=place, moved_to=moved_to, expires_at=expires_at)


def _move_guard(db: sqlite3.Connection, moved: Guard) -> bool:
    values = (moved.position, moved.version, *moved.identity, moved.receipt, moved.version - 1)
    return db.execute(_MOVE_CURRENT, values).rowcount == 1


def _outcome(add: Callable[[sqlite3.Connection, T], bool], db: sqlite3.Connection, item: T) -> Outcome:
    try:
        return Outcome.DONE if add(db, item) else Outcome.EXISTS
    except NOT_STORABLE:
        return Outcome.REFUSED


def _key(guard: Guard) -> tuple[str, ...]:
    return (*guard.identity, "" if guard.current else guard.receipt)


def _check(holds: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise _ConditionFailed
