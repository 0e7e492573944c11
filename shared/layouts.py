"""The layout as one process knows it: the holder of its current copy, and the only way to change it.

A copy is renewed while it is used: in the background once it is 15 s old, and before the next use once it is 45 s old.
So an idle process reads nothing, and none needs a task for it.
"""

import logging
from collections.abc import Callable

from msgspec.structs import replace

from shared.clock import Clock
from shared.concurrency import SingleFlight
from shared.layout_ports import LayoutStore
from shared.model.errors import Unavailable, Unclear
from shared.model.layout import MAX_BYTES, Copy, InboxName, Layout, Timing, encode

_ATTEMPTS = 5
"""Writes of a change that others precede."""

_TIMING = Timing()

_log = logging.getLogger("triggers.layout")


class LayoutFull(Exception):
    """The layout has no room for further inboxes."""


class Layouts:
    """The current copy of the layout in `store`."""

    def __init__(self, store: LayoutStore, clock: Clock, *, skew_ms: int, timing: Timing = _TIMING) -> None:
        self._store = store
        self._clock = clock
        self._skew_ms = skew_ms
        self._timing = timing
        self._copy: Copy | None = None
        self._reads: SingleFlight[str, Copy] = SingleFlight()

    @property
    def lead_ms(self) -> int:
        """Time between a change and its effect."""
        return self._timing.lead_ms + self._skew_ms

    @property
    def latest(self) -> Layout:
        """The layout that was read last, however long ago."""
        return Layout() if self._copy is None else self._copy.layout

    async def current(self, until_ms: int = 0) -> Layout:
        """Return the layout to read with, up to positions of the time `until_ms`.

        A position that is still later than what a new copy answers for cannot be one of ours, so nothing lies there.
        Raises `Unavailable` if the layout can't be read.
        """
        copy = self._copy
        if copy is None or self._is_old(copy) or not copy.covers(until_ms, self._timing):
            copy = await self._reads.run("", self._renew)
            if self._is_old(copy):
                raise Unavailable("reading the layout took too long")
        elif copy.age_ms(self._clock) > self._timing.refresh_ms:
            self._reads.start("", self._renew)
        return copy.layout

    async def for_writing(self, until_ms: int, *, tombstones_ms: int = 0) -> Layout:
        """Return the layout to store events with up to positions of the time `until_ms`, and tombstones.

        Raises `Unavailable` if the layout can't be read, or if the position of an event is more than 45 s ahead of the
        table: this process has a wrong clock, and would store events where readers do not expect them.

        `tombstones_ms` may be later. Then the clock of another worker was wrong, and no event can be there: when this
        rule allows that worker to insert it, its commit deadline has long passed.
        """
        await self.current(max(until_ms, tombstones_ms))
        copy = self._copy
        if copy is None or not copy.covers(until_ms, self._timing):
            raise Unavailable("the clock of this process is ahead of that of the events table by more than 45 s")
        return copy.layout

    async def change(self, change: Callable[[Layout, int], Layout]) -> bool:
        """Apply `change` to the layout and the present time; return whether it changed anything.

        Raises `LayoutFull` if the result is too large, `Unavailable` and `Unclear` as the store does.
        """
        for _ in range(_ATTEMPTS):
            copy = await self._renew()
            # The time of whichever clock is ahead: a change must not take effect too early.
            changed = change(copy.layout, max(copy.table_ms, self._clock.wall_ms()))
            if changed == copy.layout:
                return False
            if len(encode(changed)) > max(MAX_BYTES, len(encode(copy.layout))):
                raise LayoutFull
            changed = replace(changed, version=copy.layout.version + 1)
            if await self._store.write(changed):
                self._copy = copy._replace(layout=changed)
                return True
        raise Unavailable("the layout is being changed by others")

    async def scale(self, inbox: InboxName, shards: int) -> bool:
        """Give `inbox` this number of shards a minute from now; return whether that is a change. Raises as `change`."""
        return await self.change(lambda layout, now_ms: layout.scaled(inbox, shards, now_ms + self.lead_ms))

    async def aclose(self) -> None:
        """Cancel the reading in progress."""
        await self._reads.aclose()

    def _is_old(self, copy: Copy) -> bool:
        return copy.age_ms(self._clock) > self._timing.max_age_ms

    async def _renew(self) -> Copy:
        read_ms, wall_ms = self._clock.monotonic_ms(), self._clock.wall_ms()
        try:
            layout, table_ms = await self._store.read()
        except (Unavailable, Unclear) as error:
            _log.warning("the layout can't be read", extra={"error": str(error)})
            raise Unavailable(str(error)) from None
        copy = Copy(layout, read_ms, wall_ms, wall_ms if table_ms is None else table_ms)
        if self._copy is None or copy.read_ms >= self._copy.read_ms:
            self._copy = copy
        return copy
