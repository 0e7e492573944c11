"""A `Backend` in memory, for tests."""

from shared.clock import Clock, SystemClock
from shared.memory.bodies import MemoryBodies
from shared.memory.budget import MemoryBudget
from shared.memory.event_store import MemoryStore
from shared.memory.group_store import MemoryGroupStore
from shared.memory.key_store import MemoryKeyStore
from shared.memory.queue import MemoryQueue
from shared.ports import BodyStore, EventQueue, EventStore, KeyStore


class MemoryBackend:
    """All ports in this process; any of them may be replaced."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        queue: EventQueue | None = None,
        dlq: EventQueue | None = None,
        store: EventStore | None = None,
        bodies: BodyStore | None = None,
        keys: KeyStore | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._dlq = dlq or MemoryQueue(clock)
        self._queue = queue or MemoryQueue(clock)
        self._store = store or MemoryStore(clock)
        self._bodies = bodies or MemoryBodies()
        self._keys = keys or MemoryKeyStore()
        self._budget = MemoryBudget()
        self._groups = MemoryGroupStore()

    async def queue(self) -> EventQueue:
        """Return the queue of packs."""
        return self._queue

    async def queue_sender(self) -> EventQueue:
        """Return the queue of packs."""
        return self._queue

    async def dlq(self) -> EventQueue:
        """Return the dead-letter queue."""
        return self._dlq

    async def event_store(self) -> EventStore:
        """Return the events."""
        return self._store

    async def event_reader(self) -> EventStore:
        """Return the events."""
        return self._store

    async def bodies(self) -> BodyStore:
        """Return the large bodies."""
        return self._bodies

    async def keys(self) -> KeyStore:
        """Return the API keys."""
        return self._keys

    async def budget(self) -> MemoryBudget:
        """Return the token budgets."""
        return self._budget

    async def groups(self) -> MemoryGroupStore:
        """Return the consumer groups."""
        return self._groups

    async def maintain(self) -> None:
        """Do nothing: nothing is deleted here."""

    async def aclose(self) -> None:
        """Keep everything, so that tests can inspect it."""
