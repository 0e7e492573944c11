"""A `Backend` in memory, for tests."""

import os

from shared.clock import Clock, SystemClock
from shared.key_ports import KeyStore
from shared.memory.bodies import MemoryBodies
from shared.memory.budget import MemoryBudget
from shared.memory.event_store import MemoryStore
from shared.memory.group_store import MemoryGroupStore
from shared.memory.key_store import MemoryKeyStore
from shared.memory.queue import MemoryQueue
from shared.memory.source_store import MemorySourceStore
from shared.ports import BodyStore, EventQueue, EventStore
from shared.secret_box import KEY_BYTES, LocalSecretBox
from shared.service_time import ServiceTime
from shared.source_ports import SecretBox, SourceStore


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
        sources: SourceStore | None = None,
        service_time: ServiceTime | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.service_time = service_time or ServiceTime()
        self._dlq = dlq or MemoryQueue(clock)
        self._queue = queue or MemoryQueue(clock)
        self._store = store or MemoryStore(clock)
        self._bodies = bodies or MemoryBodies()
        self._keys = keys or MemoryKeyStore()
        self._sources = sources or MemorySourceStore()
        self._budget = MemoryBudget()
        self._groups = MemoryGroupStore()
        self._key = os.urandom(KEY_BYTES)

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

    async def sources(self) -> SourceStore:
        """Return the sources."""
        return self._sources

    async def secret_box(self) -> SecretBox:
        """Return encryption with a key of this backend."""
        return LocalSecretBox(self._key)

    async def maintain(self) -> None:
        """Do nothing: nothing is deleted here."""

    async def aclose(self) -> None:
        """Keep everything, so that tests can inspect it."""
