"""The port of consumer groups: their ledgers, retries and quarantine. See `shared.ports` for what all ports share."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.model.groups import GroupConfig, GroupName, Ledger, Quarantined, Retry, Window

MAX_ROWS = 25
"""Rows that one call writes, as in `shared.ports.MAX_STATEMENTS`."""


class GroupStore(Protocol):
    """The ledgers of groups, one item each, and rows for single events.

    Reads are consistent. A conditional change returns whether it took effect; none changes a part of a ledger.
    """

    async def read(self, group: GroupName) -> Ledger | None:
        """Return the ledger of `group`, None if there is no such group."""
        ...

    async def groups_of(self, tenant: str, inbox: str) -> list[tuple[GroupName, Ledger]]:
        """Return the groups of an inbox, sorted by name."""
        ...

    async def create(self, group: GroupName, ledger: Ledger) -> bool:
        """Add a group, unless there is one of its name. A new ledger has no windows."""
        ...

    async def configure(self, group: GroupName, born: int, config: GroupConfig) -> bool:
        """Replace the configuration, if the group is the one that was born at `born`."""
        ...

    async def open(self, group: GroupName, seen: Ledger, frontier: str, windows: Mapping[str, Window]) -> bool:
        """Set the frontier and add `windows`, if neither has happened since `seen`: increments `serial`."""
        ...

    async def exchange(self, group: GroupName, key: str, seen: Window, windows: Mapping[str, Window]) -> bool:
        """Replace the window `key` by `windows`, which may be none, if it is open and equals `seen`."""
        ...

    async def seek(self, group: GroupName, seen: Ledger, frontier: str, epoch: int) -> bool:
        """Set the frontier and the epoch and close all windows, if `seen` has its epoch still. Increments `serial`."""
        ...

    async def delete(self, group: GroupName, born: int) -> bool:
        """Delete the group that was born at `born`. Its rows expire."""
        ...

    async def put_retries(self, group: GroupName, epoch: int, retries: Sequence[Retry], expires_at: int) -> None:
        """Write up to `MAX_ROWS` retries, each named by its due time and position. `expires_at` is in epoch seconds."""
        ...

    async def delete_retries(self, group: GroupName, epoch: int, names: Sequence[tuple[int, str]]) -> None:
        """Delete up to `MAX_ROWS` retries by due time and position. One that does not exist is no error."""
        ...

    async def retries(
        self, group: GroupName, epoch: int, *, limit: int, before: int | None = None, after: tuple[int, str] = (0, "")
    ) -> list[Retry]:
        """Return up to `limit` retries due before `before` (None: all), by due time and position, following `after`."""
        ...

    async def find_retries(self, group: GroupName, epoch: int, names: Sequence[tuple[int, str]]) -> list[Retry]:
        """Return those of up to `MAX_ROWS` retries, named by due time and position, that exist."""
        ...

    async def put_quarantined(
        self, group: GroupName, born: int, events: Sequence[Quarantined], expires_at: int
    ) -> None:
        """Put up to `MAX_ROWS` events into quarantine."""
        ...

    async def quarantined(self, group: GroupName, born: int, *, limit: int, after: str = "") -> list[Quarantined]:
        """Return up to `limit` events in quarantine, by position, following `after`."""
        ...

    async def delete_quarantined(self, group: GroupName, born: int, places: Sequence[str]) -> None:
        """Take up to `MAX_ROWS` positions out of the quarantine."""
        ...

    async def ready(self) -> None:
        """Return if the table responds, else raise `Unavailable`."""
        ...
