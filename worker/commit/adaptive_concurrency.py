"""Room for what is under way at once: less of it while the store is slow.

An event's commit must be sent soon after its claim. A store that is slower than that for so many calls at once makes
all of them late, and each late event then takes calls of its own: the store is given more to do because it had too
much, and would not get out of it. So whoever was late leaves its lane shut behind it, and many in time, one after the
other, open one again.
"""

import asyncio

_IN_TIME_TO_OPEN = 20


class AdaptiveConcurrencyLimit:
    """At most `most` lanes, and never none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = asyncio.Semaphore(most)
        self._shut = 0
        self._in_time = 0  # in a row

    @property
    def open(self) -> int:
        """How many lanes there are now."""
        return self._most - self._shut

    async def enter(self) -> None:
        """Wait for a lane."""
        await self._free.acquire()

    def leave(self, *, late: bool) -> None:
        """Leave a lane."""
        if late:
            self._in_time = 0
            if self.open > 1:
                self._shut += 1
                return
        else:
            self._in_time += 1
            if self._shut and self._in_time >= _IN_TIME_TO_OPEN:
                self._in_time = 0
                self._shut -= 1
                self._free.release()
        self._free.release()
