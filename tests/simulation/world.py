"""The simulated deployment: services in memory, and how processes are connected to them."""

import asyncio
import random
from collections.abc import Mapping
from typing import Protocol, cast

from shared.clock import Clock
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.queue import MemoryQueue
from shared.model.position import Minter
from shared.model.records import Guard, Place, Record
from shared.ports import BodyStore, EventQueue, EventStore
from shared.settings import Settings
from tests.simulation.faults.bucket import wired_bodies
from tests.simulation.faults.clocks import UnsteadyProcess
from tests.simulation.faults.conflicts import ConflictingStore
from tests.simulation.faults.expiry import ExpiringMemoryStore
from tests.simulation.faults.queries import StoppingStore
from tests.simulation.faults.queue import QueueFaults, SimulatedQueue, lossy_queue, wired_queue
from tests.simulation.faults.refusals import RefusingStore
from tests.simulation.faults.versions import OLDER_SETTINGS, NewerQueue
from tests.simulation.layouts import SimulatedLayouts
from tests.simulation.partitions import AMPLE, Capacity, PartitionedStore
from tests.simulation.profiles import PROFILES, Profile
from tests.simulation.settings import SETTINGS, TTL_MS
from tests.simulation.traffic import Traffic
from tests.simulation.virtual import Process, VirtualLoop
from tests.simulation.wire import Faults, Wire, wired_store
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules
from worker.commit.processor import Processor
from worker.inbox.reader import Inbox

_KEPT_MINUTES = 5
"""How long the queue keeps a message where only deploys and outages happen, instead of 14 days."""


class Store(EventStore, Protocol):
    """A store that shows the checks what it holds."""

    @property
    def records(self) -> Mapping[Place, Record]:
        """What lies at each place."""
        ...

    def guards(self) -> list[Guard]:
        """Return every guard."""
        ...

    def expire(self, now: int) -> None:
        """Delete everything that has expired at `now`, in epoch seconds."""
        ...


class MakeStore(Protocol):
    """Makes the store of one run. None of its methods may wait."""

    def __call__(self, clock: Clock) -> Store:
        """Return an empty store."""
        ...


class World:
    """Everything in one run. All randomness comes from `rng`. `violations` are those that show while it runs."""

    def __init__(
        self,
        loop: VirtualLoop,
        seed: int,
        make_store: MakeStore = ExpiringMemoryStore,
        profile: Profile | None = None,
    ) -> None:
        self.loop = loop
        self.rng = random.Random(seed)  # noqa: S311 - a seed must replay
        self.profile = profile or PROFILES[seed % len(PROFILES)]
        self.violations: list[str] = []
        self.has_faults = True
        self.stop = asyncio.Event()
        self.processes: list[Process] = []
        self.workers: list[Process] = []
        self.had_wrong_clocks = False
        self.services = Process(loop)
        self.dlq = MemoryQueue(self.services)
        self.queue = SimulatedQueue(self.services, self.rng, self.dlq, max_receives=SETTINGS.max_receives)
        self.store = make_store(self.services)
        # SQLite, and a store that is compared with it, have one shard for each inbox.
        self.layouts = SimulatedLayouts(self.store, self.services) if type(self.store) is ExpiringMemoryStore else None
        self.capacity = Capacity(loop.time, rate=self.rng.choice((AMPLE, AMPLE, 20, 8)))
        self.bodies = MemoryBodies()
        self.faults = self._draw_faults(lost=self.profile.lost, late=self.profile.late)
        self.bucket_faults = self._draw_faults(lost=True, late=True) if self.profile.bucket else Faults(counts={})
        self.queue_faults = Faults(counts={}) if self.profile.keeps_dlq_empty else self.faults
        self.queue.faults = self._draw_queue_faults()
        self.traffic = Traffic(self)
        self._table = self._faulty_table()

    def _draw_faults(self, *, lost: bool, late: bool) -> Faults:
        rng = self.rng
        return Faults(
            throttled=rng.choice((0.0, 0.02, 0.15)),
            lost=rng.choice((0.02, 0.1)) if lost else 0.0,
            partly=rng.choice((0.0, 0.1)) if lost else 0.0,
            slow=rng.choice((0.0, 0.05, 0.3)),
            paused=rng.choice((0.0, 0.03, 0.08)) if self.profile.stalls else 0.0,
            late=rng.choice((0.02, 0.15)) if late else 0.0,
            counts={},
        )

    def _draw_queue_faults(self) -> QueueFaults:
        if self.profile.keeps_dlq_empty:
            return QueueFaults(retention_seconds=_KEPT_MINUTES * 60)
        if not self.profile.queue:
            return QueueFaults()
        draw = self.rng.choice
        return QueueFaults(lost_receive=draw((0.0, 0.1)), undeleted=draw((0.0, 0.2)), forgotten=draw((0.0, 0.2)))

    def _faulty_table(self) -> EventStore:
        shard_of = self.store.shard_of if isinstance(self.store, MemoryStore) else lambda _: 0
        table = cast("EventStore", PartitionedStore(self.store, self.capacity, shard_of))
        if self.profile.conflicts:
            table = cast("EventStore", ConflictingStore(table, self.loop.time, self.rng))
        if self.profile.refusals:
            table = cast("EventStore", RefusingStore(table, lambda: self.has_faults))
        if self.profile.queries:
            table = cast("EventStore", StoppingStore(table, self.rng))
        return table

    def stop_faults(self) -> None:
        """Let everything work from now on, except that clocks stay as they are."""
        self.has_faults = False
        self.capacity.rate = AMPLE
        self.queue.faults = QueueFaults(retention_seconds=self.queue.faults.retention_seconds)
        for faults in (self.faults, self.bucket_faults, self.queue_faults):
            faults.stop()

    @property
    def may_repeat(self) -> bool:
        """Whether a follower may see an event twice: a worker with a wrong clock moves events that were in time."""
        return self.profile.may_repeat or self.had_wrong_clocks

    def process(self, *, reads: bool = False) -> Process:
        """Return a process whose clock is off by at most half the skew permitted between two clocks.

        A worker's clock that is set may put an insert in doubt, as a lost answer does; one that is not is only off.
        """
        half = SETTINGS.clock_skew_ms // 2
        if self.profile.clocks and (reads or self.profile.may_repeat):
            process: Process = UnsteadyProcess(self.loop, self.rng, half_ms=half)
        else:
            process = Process(self.loop, skew_ms=self.rng.randint(-half, half))
        self.processes.append(process)
        return process

    def settings(self) -> Settings:
        """Return the settings of a worker that starts now."""
        is_older = self.profile.versions and self.has_faults and self.rng.getrandbits(1)
        return OLDER_SETTINGS if is_older else SETTINGS

    def processor(self, process: Process, settings: Settings = SETTINGS) -> Processor:
        """Return the real processor, running in `process`."""
        self.workers.append(process)
        dlq = wired_queue(self.dlq, self._wire(process, self.queue_faults), process)
        return Processor(
            store=self._connect(process, settings),
            bodies=self.bucket(process),
            dead_letters=DeadLetters(dlq, process, per_minute=settings.dead_letters_per_minute),
            rules=CommitRules(
                clock=process,
                minter=Minter(process, random_bytes=self.rng.randbytes),
                settings=settings,
                service_time=process.service_time,
            ),
        )

    def queue_of(self, process: Process, settings: Settings = SETTINGS) -> EventQueue:
        """Return the queue as a worker in `process` with `settings` sees it."""
        queue = lossy_queue(self.queue, self._wire(process, self.queue_faults), process, self.rng)
        is_newer = self.profile.versions and settings is not OLDER_SETTINGS
        return cast("EventQueue", NewerQueue(queue)) if is_newer else queue

    def inbox(self, process: Process) -> Inbox:
        """Return the real inbox, running in `process`."""
        return Inbox(self.reader(process), self.bucket(process), process, SETTINGS, service_time=process.service_time)

    def reader(self, process: Process) -> EventStore:
        """Return the table as a reader in `process` sees it."""
        return self._connect(process, SETTINGS)

    def is_expired(self, accepted_at: int) -> bool:
        """Return whether an event accepted at `accepted_at` has exceeded its TTL, by the clock of the services."""
        return self.services.wall_ms() - accepted_at > TTL_MS

    def may_be_deleted(self, accepted_at: int) -> bool:
        """Return whether the item of an event accepted at `accepted_at` may be deleted: it expires to the second."""
        return self.services.wall_ms() // 1000 >= (accepted_at + TTL_MS) // 1000

    def bucket(self, process: Process) -> BodyStore:
        """Return the bucket as `process` sees it."""
        if not self.profile.bucket:
            return self.bodies
        return wired_bodies(self.bodies, self._wire(process, self.bucket_faults))

    def _connect(self, process: Process, settings: Settings) -> EventStore:
        wire = self._wire(process, self.faults, settings)
        if self.layouts is None:
            return wired_store(self._table, wire, process, self.rng, self.faults)
        lay_out = self.layouts.of(process, wire)
        return wired_store(self._table, wire, process, self.rng, self.faults, lay_out=lay_out)

    def _wire(self, process: Process, faults: Faults, settings: Settings = SETTINGS) -> Wire:
        return Wire(process, self.rng, faults, timeout_ms=settings.store_timeout_ms)
