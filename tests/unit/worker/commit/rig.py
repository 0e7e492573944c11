"""A processor with a scripted store, bucket and DLQ, and a clock that the test controls."""

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from shared.compression import expand
from shared.layouts import Layouts
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.layout_store import MemoryLayoutStore
from shared.memory.queue import MemoryQueue
from shared.model.event import Event, Identity
from shared.model.pack import AckPack, EventPack, Pack, Removal, encode
from shared.model.position import Minter
from shared.model.records import Place, StoredEvent
from shared.ports import BodyStore, EventStore, Message, MessageSink
from shared.service_time import Reading, ServiceTime
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from tests.fakes.clock import FakeClock
from tests.fakes.scripted import Effect, Scripted
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules, EventCommit
from worker.commit.inbox_loads import InboxLoads
from worker.commit.processor import Disposition, Processor, never
from worker.commit.removal import Remover
from worker.commit.resolver import Resolver

TENANT, INBOX = "acme", "orders"
SETTINGS = Settings()
WINDOW_MS = SETTINGS.deduplication_window_seconds * 1000
TTL_MS = SETTINGS.event_ttl_days * 86_400_000

NOISE = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(16))
"""1,024 characters that zstd compresses to about half."""


class Rig:
    """A processor with everything it needs."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.settings = settings
        self.clock = FakeClock()
        self.memory = MemoryStore(self.clock)
        self.bucket = MemoryBodies()
        self.layouts = MemoryLayoutStore(self.clock)
        self.dlq = MemoryQueue(self.clock)
        self.store = Scripted(self.memory)
        self.bodies = Scripted(self.bucket)
        self.sink = Scripted(self.dlq)
        self.receipts = Minter(self.clock)
        self.metrics = Metrics()
        self.service_time = ServiceTime(limit_ms=settings.clock_skew_ms / 2)
        self.start()

    def start(self) -> None:
        """Start a worker without the state of the previous one, which counts as dead."""
        store, bodies = cast("EventStore", self.store), cast("BodyStore", self.bodies)
        self.rules = CommitRules(
            clock=self.clock, minter=Minter(self.clock), settings=self.settings, service_time=self.service_time
        )
        self.dead_letters = DeadLetters(
            cast("MessageSink", self.sink),
            self.clock,
            per_minute=self.settings.dead_letters_per_minute,
            metrics=self.metrics,
        )
        self.processor = Processor(
            store=store,
            bodies=bodies,
            dead_letters=self.dead_letters,
            rules=self.rules,
            layouts=Layouts(self.layouts, self.clock, skew_ms=self.settings.clock_skew_ms),
            metrics=self.metrics,
        )
        self.resolver = Resolver(store, bodies, self.rules)
        self.remover = Remover(store, bodies, self.rules, InboxLoads(self.clock))

    def date_answer(self) -> None:
        """Let a service answer, whose clock shows what this one would if it was not shifted."""
        now = Reading.of(self.clock)
        self.service_time.observe(now.wall_ms - self.clock.offset_ms, now.monotonic_ms, now)

    def event(self, name: str = "e", *, data: object = None, type_: str = "t", **more: object) -> Event:
        body = {"specversion": "1.0", "id": name, "source": "/", "type": type_, "data": data, **more}
        raw = msgspec.Raw(json.dumps(body).encode())
        return Event(receipt=self.receipts.mint(), id=name, source="/", inbox=INBOX, type=type_, body=raw)

    def pack(self, *events: Event | str, accepted_ago_ms: int = 0, window_seconds: int | None = None) -> EventPack:
        """Return a pack of `events`; a name makes an event with that id."""
        return EventPack(
            tenant=TENANT,
            key_id="k",
            accepted_at=self.clock.wall_ms() - accepted_ago_ms,
            events=[self.event(event) if isinstance(event, str) else event for event in events],
            window_seconds=window_seconds,
        )

    def commit(self, pack: EventPack) -> EventCommit:
        """Return the commit of the only event of `pack`."""
        [event] = pack.events
        return EventCommit(event, pack, self.rules)

    def acks(self, *positions: str, types: Sequence[str] = ()) -> AckPack:
        now = self.clock.wall_ms()
        return AckPack(tenant=TENANT, key_id="k", accepted_at=now, inbox=INBOX, positions=positions, types=tuple(types))

    def removal(self, name: str = "e", *, erase: bool = False, accepted_ago_ms: int = 0) -> Removal:
        return Removal(
            tenant=TENANT,
            key_id="k",
            accepted_at=self.clock.wall_ms() - accepted_ago_ms,
            receipt=self.receipts.mint(),
            inbox=INBOX,
            source="/",
            id=name,
            erase=erase,
        )

    async def process(self, *given: Pack, receives: int = 1, give_up: Callable[[], bool] = never) -> list[Disposition]:
        """Process one message for each of `given`."""
        return await self.processor.process([message(pack, receives) for pack in given], give_up=give_up)

    async def store_events(self, *events: Event | str, accepted_ago_ms: int = 0) -> EventPack:
        """Process a pack of `events` without faults, and return it."""
        pack = self.pack(*events, accepted_ago_ms=accepted_ago_ms)
        await self.process(pack)
        return pack

    def listed(self, *, delivered: bool = False) -> list[StoredEvent]:
        """Return the events in the inbox, or the delivered ones, oldest first."""
        records = sorted(self.memory.records.items())
        return [record for place, record in records if isinstance(record, StoredEvent) and place.delivered is delivered]

    def names(self, *, delivered: bool = False) -> list[str]:
        """Return the ids of the events in the inbox, or of the delivered ones, oldest first."""
        listed = self.listed(delivered=delivered)
        return [json.loads(expand(event.body))["id"] for event in listed if event.body]

    def passes(self, wait_ms: int) -> Effect:
        """Return an effect that advances the clock."""

        async def effect() -> None:
            self.clock.advance(wait_ms / 1000)

        return effect

    def place(self, position: str, *, delivered: bool = False) -> Place:
        return Place(TENANT, INBOX, position, delivered)

    def identity(self, name: str = "e") -> Identity:
        return Identity(TENANT, INBOX, "/", name)


def after(tries: int) -> Callable[[], bool]:
    """Give up after `tries` attempts."""
    asked = itertools.count()
    return lambda: next(asked) >= tries


def message(pack: Pack | str, receives: int = 1) -> Message:
    body = pack if isinstance(pack, str) else encode(pack)
    return Message(id="m", body=body, handle="h", receives=receives)


def counts(dispositions: Sequence[Disposition]) -> list[dict[str, int]]:
    return [dict(disposition.counts) for disposition in dispositions]
