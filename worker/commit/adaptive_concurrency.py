"""Limits how many chunks are written at once, and lowers the limit while the store is slow.

An event's commit must be sent soon after its claim. If the store is too slow for the current number of concurrent
calls, all of them are late, and each late event then needs calls of its own: overload causes more load, and the worker
would not recover. So each late chunk lowers the limit by one, and a run of chunks in time raises it by one.
"""

import asyncio

_IN_TIME_TO_RAISE = 20


class AdaptiveConcurrencyLimit:
    """A limit between 1 and `maximum`, initially `maximum`."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._free = asyncio.Semaphore(maximum)
        self._reduction = 0
        self._in_time = 0  # in a row

    @property
    def current(self) -> int:
        """The current limit."""
        return self._maximum - self._reduction

    async def acquire(self) -> None:
        """Wait for a free slot and take it."""
        await self._free.acquire()

    def release(self, *, late: bool) -> None:
        """Return a slot, and adapt the limit."""
        if late:
            self._in_time = 0
            if self.current > 1:
                self._reduction += 1
                return
        else:
            self._in_time += 1
            if self._reduction and self._in_time >= _IN_TIME_TO_RAISE:
                self._in_time = 0
                self._reduction -= 1
                self._free.release()
        self._free.release()
