"""Manual fakes: time, a key store, and a queue that fails or hangs on request."""

import asyncio
from collections.abc import Callable, Sequence

from shared.clock import SystemClock
from shared.memory.key_store import MemoryKeyStore
from shared.memory.queue import MemoryQueue
from shared.model.api_key import ApiKey
from shared.model.errors import Unavailable
from shared.model.records import Outcome
from shared.ports import Outgoing

START_MS = 1_800_000_000_000


class ManualClock:
    """A clock that moves only by `advance` and sleeps."""

    def __init__(self) -> None:
        self.now_ms = 0

    def advance(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)

    def wall_ms(self) -> int:
        return START_MS + self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms

    async def sleep_ms(self, duration_ms: float) -> None:
        self.now_ms += int(duration_ms)
        await asyncio.sleep(0)


class StillClock(SystemClock):
    """The system clock with a frozen monotonic time: no budget refills, however slow a test is."""

    def monotonic_ms(self) -> int:
        return 0


class CountingKeyStore(MemoryKeyStore):
    """Counts reads and recorded uses, and does not answer while `down`."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.uses = 0
        self.down = False
        self.use_error: Exception | None = None

    async def get(self, key_id: str) -> ApiKey | None:
        self.reads += 1
        await self.ready()
        await asyncio.sleep(0)
        return await super().get(key_id)

    async def record_use(self, key_id: str, used_at: int) -> None:
        self.uses += 1
        if self.use_error is not None:
            raise self.use_error
        await super().record_use(key_id, used_at)

    async def ready(self) -> None:
        if self.down:
            raise Unavailable("down")


class DownableQueue(MemoryQueue):
    """Refuses sends and counts while `down`."""

    down = False

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        self._answer()
        return await super().send(messages)

    async def backlog(self) -> int:
        self._answer()
        return await super().backlog()

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("AWS said something internal")


class HandQueue:
    """A sink whose calls wait until `released` is set; `outcome` decides on each message, `error` fails calls."""

    def __init__(self) -> None:
        self.calls: list[list[Outgoing]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.released = asyncio.Event()
        self.released.set()
        self.error: Exception | None = None
        self.outcome: Callable[[Outgoing], Outcome] = lambda _: Outcome.DONE

    @property
    def messages(self) -> list[Outgoing]:
        return [message for call in self.calls for message in call]

    async def backlog(self) -> int:
        return 0

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        self.calls.append(list(messages))
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            await self.released.wait()
        finally:
            self.in_flight -= 1
        if self.error is not None:
            raise self.error
        return [self.outcome(message) for message in messages]


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks, and threads, run until `condition` holds; fails after 30 s."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - conditions of fakes, some of them set by threads
            await asyncio.sleep(0.001)
