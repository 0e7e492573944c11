"""What several keys share so that none of them takes it all: places, and slots that are waited for."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairPlaces:
    """`total` places, taken without waiting. A key may hold as many as are free.

    So one key alone holds at most half of them, each of n keys that want all of them holds one in n + 1, and another
    key nearly always finds a place.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._held: dict[str, int] = {}
        self.taken = 0

    def take(self, key: str) -> bool:
        """Take a place for `key`; return whether there was one."""
        held = self._held.get(key, 0)
        if held >= self._total - self.taken:
            return False
        self._held[key] = held + 1
        self.taken += 1
        return True

    def leave(self, key: str) -> None:
        """Give back a place of `key`."""
        self.taken -= 1
        held = self._held.pop(key) - 1
        if held:
            self._held[key] = held


class FairSlots:
    """`total` slots. While all are taken, keys are served in rotation, and requests of one key in their order."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._waiting: OrderedDict[str, deque[asyncio.Future[bool]]] = OrderedDict()

    def request(self, key: str) -> asyncio.Future[bool]:
        """Return a future that is True once `key` has a slot, which must be released.

        To stop waiting, cancel it or set it to False.
        """
        request: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._free:
            self._free -= 1
            request.set_result(True)
        else:
            self.join(request, key)
        return request

    def join(self, request: asyncio.Future[bool], key: str) -> None:
        """Let a waiting `request` be served in the rotation of `key`, too."""
        self._waiting.setdefault(key, deque()).append(request)

    def release(self) -> None:
        """Give the slot to the next key in rotation."""
        while self._waiting:
            key, requests = self._waiting.popitem(last=False)
            request = requests.popleft()
            if requests:
                self._waiting[key] = requests  # behind all other keys
            if not request.done():
                request.set_result(True)
                return
        self._free += 1

    @asynccontextmanager
    async def slot(self, key: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it until the end of the context."""
        request = self.request(key)
        try:
            await request
            yield
        finally:
            if not request.cancelled():
                self.release()
