"""Changes of ledgers: each takes effect only if what it is based on is still true, also if its answer was lost."""

import base64
import os
from collections.abc import Callable, Mapping

from shared.clock import Clock
from shared.group_ports import GroupStore
from shared.model.errors import NoSuchGroup, TooManyLeases, Unclear
from shared.model.groups import GroupName, Ledger, Window

MAX_WINDOWS = 500
"""Open windows of a group. A ledger of 500 has some 40 KB, and each of its writes costs as many units."""

_KEY_BYTES = 9
_TRIES = 4
_PAUSE_MS = 20


class Again(Exception):
    """The group has changed since it was read, or is being prepared: read it again."""


class Ledgers:
    """The ledgers of one table."""

    def __init__(self, store: GroupStore, clock: Clock, *, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes

    async def read(self, group: GroupName) -> Ledger:
        """Return the ledger of `group`; raise `NoSuchGroup`."""
        ledger = await self._store.read(group)
        if ledger is None:
            raise NoSuchGroup(group.group, group.inbox)
        return ledger

    def new_key(self) -> str:
        """Return a key for a window. Keys are secrets, and never come back."""
        return base64.urlsafe_b64encode(self._random_bytes(_KEY_BYTES)).decode()

    async def pause(self, attempt: int) -> None:
        """Wait for a random time, up to 20 ms after the first attempt that another process has got ahead of."""
        await self._clock.sleep_ms(_PAUSE_MS * (attempt + 1) * self._random_bytes(1)[0] / 255)

    async def open(self, group: GroupName, seen: Ledger, frontier: str, windows: Mapping[str, Window]) -> None:
        """Set the frontier and add `windows`, at most one; raise `Again` if the ledger has changed since `seen`."""
        if windows:
            check_room(seen, 1)
        try:
            is_done = await self._store.open(group, seen, frontier, windows)
        except Unclear:
            # The key is new, so if it is there, the call took effect. If not, the call may yet take effect, unless
            # another has opened a window first: that window would lapse without a holder.
            found = await self._store.read(group)
            is_done = found is not None and bool(windows) and windows.keys() <= found.windows.keys()
        if not is_done:
            raise Again

    async def exchange(self, group: GroupName, key: str, seen: Window, windows: Mapping[str, Window]) -> bool:
        """Replace the window `key` by `windows` if it is open and equals `seen`; return whether that took effect."""
        for _ in range(_TRIES):
            try:
                return await self._store.exchange(group, key, seen, windows)
            except Unclear:
                ledger = await self._store.read(group)
                found = {} if ledger is None else ledger.windows
                if key in found and found[key] == seen:
                    continue
                if windows:
                    return all(found.get(name) == window for name, window in windows.items())
                # Gone: we removed it, or another took it over, which is possible only once it has lapsed.
                return key not in found and self._clock.wall_ms() < seen.until
        raise Unclear("the ledger of a group did not confirm a change")


def check_room(ledger: Ledger, more: int) -> None:
    """Raise `TooManyLeases` if `more` windows do not fit into `ledger`."""
    if len(ledger.windows) + more > MAX_WINDOWS:
        raise TooManyLeases(MAX_WINDOWS)
