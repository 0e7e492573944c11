"""The simulated deployment: services in memory, workers that fail, producers, and readers that follow cursors."""

import asyncio
import random
from collections.abc import Mapping
from typing import Protocol, cast

import msgspec

from shared.clock import Clock
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.queue import MemoryQueue
from shared.model.cursor import MAX_RETURNED
from shared.model.event import Event, Identity
from shared.model.pack import AckPack, EventPack, Pack, Removal, encode
from shared.model.position import Minter
from shared.model.records import Guard, Place, Record
from shared.model.type_pattern import matches_any
from shared.ports import EventStore, Outgoing
from shared.settings import Settings
from tests.simulation.layouts import SimulatedLayouts
from tests.simulation.partitions import AMPLE, Capacity, PartitionedStore
from tests.simulation.virtual import EPOCH_MS, Process, VirtualLoop
from tests.simulation.wire import Faults, Wire, wired_queue, wired_store
from worker.commit.consumer import Consumer
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules
from worker.commit.processor import Processor
from worker.inbox.reader import Inbox

TENANT, INBOX = "acme", "orders"

SETTINGS = Settings(
    deduplication_window_seconds=3,
    event_ttl_days=1,
    visibility_seconds=10,
    worker_receivers=2,
    inline_body_bytes=300,
)


WIDE_WINDOW_SECONDS = 9
_WIDE = ("e9", "e10", "e11")


def window_seconds_of(id_: str) -> int | None:
    """Return the window of this event's pack, None for that of the settings."""
    return WIDE_WINDOW_SECONDS if id_ in _WIDE else None


def kind_of(event_id: str) -> str:
    """Return the type of the events with this id."""
    return "u.x" if event_id[-1] in "024" else "t"


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """An event that ingest answered with 202."""

    receipt: str
    identity: Identity
    accepted_at: int
    is_old: bool = False  # accepted so long ago that it has expired

    @property
    def window_ms(self) -> int:
        """Time in which an event with the same identity is a duplicate."""
        return (window_seconds_of(self.identity.id) or SETTINGS.deduplication_window_seconds) * 1000


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The kinds of faults in a run."""

    name: str
    crashes: bool = False
    lost: bool = False  # lost answers
    stalls: bool = False  # processes that stall for seconds
    late: bool = False  # calls that are cut off and take effect seconds later

    @property
    def may_repeat(self) -> bool:
        """Whether a follower may see an event twice (docs/protocol.md)."""
        return self.lost or self.stalls or self.late

    @property
    def may_miss(self) -> bool:
        """Whether a follower may miss an event until it reads from the beginning."""
        return self.crashes and (self.stalls or self.late)


PROFILES = (
    Profile(name="crashes", crashes=True),
    Profile(name="crashes and lost answers", crashes=True, lost=True),
    Profile(name="stalls", lost=True, stalls=True),
    Profile(name="late calls", lost=True, late=True),
    Profile(name="all", crashes=True, lost=True, stalls=True, late=True),
)


class Store(EventStore, Protocol):
    """A store that shows the checks what it holds."""

    @property
    def records(self) -> Mapping[Place, Record]:
        """What lies at each place."""
        ...

    def guards(self) -> list[Guard]:
        """Return every guard."""
        ...


class MakeStore(Protocol):
    """Makes the store of one run. None of its methods may wait."""

    def __call__(self, clock: Clock) -> Store:
        """Return an empty store."""
        ...


class World:
    """Everything in one run. All randomness comes from `rng`."""

    def __init__(self, loop: VirtualLoop, seed: int, make_store: MakeStore = MemoryStore) -> None:
        self.loop = loop
        self.rng = random.Random(seed)  # noqa: S311 - a seed must replay
        self.profile = PROFILES[seed % len(PROFILES)]
        self.services = Process(loop)
        self.dlq = MemoryQueue(self.services)
        self.queue = MemoryQueue(
            self.services, dlq=self.dlq, max_receives=SETTINGS.max_receives, shuffle=self.rng.shuffle
        )
        self.store = make_store(self.services)
        self.layouts = SimulatedLayouts(self.services) if isinstance(self.store, MemoryStore) else None
        self.capacity = Capacity(loop.time, rate=self.rng.choice((AMPLE, AMPLE, 20, 8)))
        self.bodies = MemoryBodies()
        self.faults = self._faults()
        self.minter = Minter(self.services, random_bytes=self.rng.randbytes)
        self.accepted: list[Accepted] = []
        self.acked: set[str] = set()  # receipts
        self.acked_identities: dict[Identity, int] = {}  # time of the last one
        self.erased: dict[Identity, int] = {}  # time of the last one
        self.processes: list[Process] = []
        self.workers: list[Process] = []
        self.had_wrong_clocks = False
        self.stop = asyncio.Event()

    def _faults(self) -> Faults:
        rng = self.rng
        return Faults(
            throttled=rng.choice((0.0, 0.02, 0.15)),
            lost=rng.choice((0.02, 0.1)) if self.profile.lost else 0.0,
            partly=rng.choice((0.0, 0.1)) if self.profile.lost else 0.0,
            slow=rng.choice((0.0, 0.05, 0.3)),
            paused=rng.choice((0.0, 0.03, 0.08)) if self.profile.stalls else 0.0,
            late=rng.choice((0.02, 0.15)) if self.profile.late else 0.0,
            counts={},
        )

    @property
    def may_repeat(self) -> bool:
        """Whether a follower may see an event twice: a worker with a wrong clock moves events that were in time."""
        return self.profile.may_repeat or self.had_wrong_clocks

    def process(self) -> Process:
        """Return a process whose clock is off by at most half the skew permitted between two clocks."""
        half = SETTINGS.clock_skew_ms // 2
        process = Process(self.loop, skew_ms=self.rng.randint(-half, half))
        self.processes.append(process)
        return process

    def wire(self, process: Process) -> Wire:
        """Return a connection to a service."""
        return Wire(process, self.rng, self.faults, timeout_ms=SETTINGS.store_timeout_ms)

    async def worker(self, process: Process) -> None:
        """Run the real worker in `process` until the world stops."""
        self.workers.append(process)
        store = self._connect(process)
        rules = CommitRules(clock=process, minter=Minter(process, random_bytes=self.rng.randbytes), settings=SETTINGS)
        dlq = wired_queue(self.dlq, self.wire(process), process)
        processor = Processor(
            store=store,
            bodies=self.bodies,
            dead_letters=DeadLetters(dlq, process, per_minute=SETTINGS.dead_letters_per_minute),
            rules=rules,
        )
        queue = wired_queue(self.queue, self.wire(process), process)
        await Consumer(queue=queue, processor=processor, clock=process, settings=SETTINGS).run(self.stop)

    def inbox(self, process: Process, max_returned: int = MAX_RETURNED) -> Inbox:
        """Return the real inbox, running in `process`, whose cursors of early reads have room for `max_returned`."""
        inbox = Inbox(self._connect(process), self.bodies, process, SETTINGS)
        inbox._max_returned = max_returned  # noqa: SLF001
        return inbox

    def _connect(self, process: Process) -> EventStore:
        partitioned = PartitionedStore(self.store, self.capacity)
        wire = self.wire(process)
        laid_out = self.layouts.of(partitioned, process, wire) if self.layouts else None
        return wired_store(cast("EventStore", partitioned), wire, process, self.rng, self.faults, laid_out=laid_out)

    async def post(self, ids: Mapping[str, str], *, age_ms: int = 0) -> None:
        """Accept events (a mapping of ids to inboxes) as one pack per window, and send the packs to the queue."""
        windows = dict.fromkeys(map(window_seconds_of, ids))
        for window in windows:
            await self._post({id_: ids[id_] for id_ in ids if window_seconds_of(id_) == window}, window, age_ms)

    async def _post(self, ids: Mapping[str, str], window: int | None, age_ms: int) -> None:
        now = self.services.wall_ms() - age_ms
        events = [self._event(id_, inbox, now) for id_, inbox in ids.items()]
        delay = self.rng.choice((0, 0, 0, self.rng.randint(0, 8)))
        pack = EventPack(tenant=TENANT, key_id="k", accepted_at=now, events=events, window_seconds=window)
        await self.send(pack, delay_seconds=delay)

    def _event(self, id_: str, inbox: str, accepted_at: int) -> Event:
        receipt = self.minter.mint()
        identity = Identity(TENANT, inbox, "/", id_)
        is_old = accepted_at < EPOCH_MS - SETTINGS.event_ttl_days * 86_400_000
        self.accepted.append(Accepted(receipt=receipt, identity=identity, accepted_at=accepted_at, is_old=is_old))
        padding = "".join(self.rng.choices("0123456789abcdef", k=self.rng.choice((0, 0, 0, 0, 900))))
        kind = kind_of(id_)
        body = {"specversion": "1.0", "id": id_, "source": "/", "type": kind, "data": {"r": receipt, "p": padding}}
        raw = msgspec.Raw(msgspec.json.encode(body))
        return Event(receipt=receipt, id=id_, source="/", inbox=inbox, type=kind, body=raw)

    async def ack(self, seen: Mapping[str, str], types: tuple[str, ...] = ()) -> None:
        """Ack events of the followed inbox, with a key for `types`; `seen` maps their positions to receipts."""
        kinds = {event.receipt: kind_of(event.identity.id) for event in self.accepted}
        self.acked.update(receipt for receipt in seen.values() if matches_any(types, kinds[receipt]))
        now, named = self.services.wall_ms(), list(seen)
        await self.send(AckPack(tenant=TENANT, key_id="k", accepted_at=now, inbox=INBOX, positions=named, types=types))

    async def remove(self, identity: Identity, *, erase: bool) -> None:
        """Ack or erase one event by its identity."""
        now = self.services.wall_ms()
        (self.erased if erase else self.acked_identities)[identity] = now
        await self.send(
            Removal(
                tenant=TENANT,
                key_id="k",
                accepted_at=now,
                receipt=self.minter.mint(),
                inbox=identity.inbox,
                source=identity.source,
                id=identity.id,
                erase=erase,
            ),
            delay_seconds=self.rng.choice((0, 0, 3)),
        )

    async def send(self, pack: Pack, *, delay_seconds: int = 0) -> None:
        """Send a pack to the queue, as ingest does before it answers 202."""
        body = encode(pack)
        await self.queue.send([Outgoing(body=body, delay_seconds=delay_seconds)])
        if self.rng.random() < 0.1:  # the first send got no answer, so ingest or SQS sent it twice
            await self.queue.send([Outgoing(body=body, delay_seconds=self.rng.randint(0, 3))])
