"""A `GroupStore` in memory. Every method takes effect in one event-loop iteration."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from shared.model.groups import GroupConfig, GroupName, Ledger, Quarantined, Retry, Window

_LAST = 1 << 62


class MemoryGroupStore:
    """The groups of one process. Rows do not expire."""

    def __init__(self) -> None:
        self.ledgers: dict[GroupName, Ledger] = {}
        self._retries: dict[tuple[GroupName, int], dict[tuple[int, str], Retry]] = {}
        self._quarantined: dict[tuple[GroupName, int], dict[str, Quarantined]] = {}

    async def read(self, group: GroupName) -> Ledger | None:
        """Return the ledger."""
        return self.ledgers.get(group)

    async def groups_of(self, tenant: str, inbox: str) -> list[tuple[GroupName, Ledger]]:
        """Return the groups of an inbox."""
        return sorted(
            ((name, ledger) for name, ledger in self.ledgers.items() if name[:2] == (tenant, inbox)),
            key=lambda found: found[0],
        )

    async def create(self, group: GroupName, ledger: Ledger) -> bool:
        """Add a group."""
        return self.ledgers.setdefault(group, ledger) is ledger

    async def configure(self, group: GroupName, born: int, config: GroupConfig) -> bool:
        """Replace the configuration."""
        ledger = self.ledgers.get(group)
        if ledger is None or ledger.born != born:
            return False
        self.ledgers[group] = replace(ledger, config=config)
        return True

    async def open(self, group: GroupName, seen: Ledger, frontier: str, windows: Mapping[str, Window]) -> bool:
        """Set the frontier and add windows."""
        ledger = self.ledgers.get(group)
        if ledger is None or (ledger.epoch, ledger.serial) != (seen.epoch, seen.serial):
            return False
        self.ledgers[group] = replace(
            ledger, frontier=frontier, serial=ledger.serial + 1, windows={**ledger.windows, **windows}
        )
        return True

    async def exchange(self, group: GroupName, key: str, seen: Window, windows: Mapping[str, Window]) -> bool:
        """Replace a window."""
        ledger = self.ledgers.get(group)
        if ledger is None or ledger.windows.get(key) != seen:
            return False
        others = {name: window for name, window in ledger.windows.items() if name != key}
        self.ledgers[group] = replace(ledger, windows={**others, **windows})
        return True

    async def seek(self, group: GroupName, seen: Ledger, frontier: str, epoch: int) -> bool:
        """Set the frontier and close all windows."""
        ledger = self.ledgers.get(group)
        if ledger is None or ledger.epoch != seen.epoch:
            return False
        self.ledgers[group] = replace(ledger, frontier=frontier, epoch=epoch, serial=ledger.serial + 1, windows={})
        return True

    async def delete(self, group: GroupName, born: int) -> bool:
        """Delete a group."""
        ledger = self.ledgers.get(group)
        if ledger is None or ledger.born != born:
            return False
        del self.ledgers[group]
        return True

    async def put_retries(self, group: GroupName, epoch: int, retries: Sequence[Retry], expires_at: int) -> None:  # noqa: ARG002
        """Write retries."""
        rows = self._retries.setdefault((group, epoch), {})
        rows.update({(retry.due, retry.position): retry for retry in retries})

    async def delete_retries(self, group: GroupName, epoch: int, names: Sequence[tuple[int, str]]) -> None:
        """Delete retries."""
        rows = self._retries.get((group, epoch), {})
        for name in names:
            rows.pop(name, None)

    async def retries(
        self, group: GroupName, epoch: int, *, limit: int, before: int | None = None, after: tuple[int, str] = (0, "")
    ) -> list[Retry]:
        """Return retries in the order of due times."""
        rows = self._retries.get((group, epoch), {})
        bound = (_LAST if before is None else before, "")
        return [rows[name] for name in sorted(rows) if after < name < bound][:limit]

    async def find_retries(self, group: GroupName, epoch: int, names: Sequence[tuple[int, str]]) -> list[Retry]:
        """Return the retries that exist."""
        rows = self._retries.get((group, epoch), {})
        return [rows[name] for name in names if name in rows]

    async def put_quarantined(
        self,
        group: GroupName,
        born: int,
        events: Sequence[Quarantined],
        expires_at: int,  # noqa: ARG002
    ) -> None:
        """Put events into quarantine."""
        self._quarantined.setdefault((group, born), {}).update({event.position: event for event in events})

    async def quarantined(self, group: GroupName, born: int, *, limit: int, after: str = "") -> list[Quarantined]:
        """Return events in quarantine."""
        rows = self._quarantined.get((group, born), {})
        return [rows[position] for position in sorted(rows) if position > after][:limit]

    async def delete_quarantined(self, group: GroupName, born: int, places: Sequence[str]) -> None:
        """Take events out of quarantine."""
        rows = self._quarantined.get((group, born), {})
        for place in places:
            rows.pop(place, None)

    async def ready(self) -> None:
        """Return: memory is always available."""
