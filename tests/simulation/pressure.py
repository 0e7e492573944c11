"""Overload: an inbox is sent more than its partitions take, and then less again. What is stored a second, at what cost?

The real processor and consumer in virtual time, against a store with the capacity and the latency of DynamoDB. No
process crashes and no answer is lost; `tests.simulation.run` is for that.
"""

import asyncio
import random
from collections.abc import Iterator
from typing import cast

import msgspec

from shared.clock import Clock
from shared.containers import batches
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.queue import MemoryQueue
from shared.model.event import Event
from shared.model.layout import InboxName, Layout
from shared.model.pack import EventPack, encode
from shared.model.position import Minter
from shared.model.records import Place, Record, StoredEvent
from shared.ports import MAX_MESSAGES, EventStore, Message, Outgoing
from shared.settings import Settings
from tests.simulation.faults.queue import wired_queue
from tests.simulation.partitions import Capacity, PartitionedStore
from tests.simulation.virtual import Process, VirtualLoop
from tests.simulation.wire import Faults, Wire, wired_store
from worker.commit.consumer import Consumer
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules
from worker.commit.processor import Processor

_PACK_EVENTS = 50
_TICK_SECONDS = 0.01
_LEAST_SHARE = 0.95
_MOST_UNITS = 2.2
BACKLOG_STAYS = "the backlog stays"


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A load on one inbox, in multiples of what its partitions take."""

    name: str
    shards: int = 4
    units_per_second: int = 1000  # of one partition
    workers: int = 4
    batches: int = 200  # of one worker, at once
    calm: float = 0.8
    calm_seconds: float = 20
    burst: float = 4.0
    burst_seconds: float = 10
    slow_ms: float = 0  # of a call, during the burst
    drain_seconds: float = 400  # at most, after the burst, at the calm load

    @property
    def capacity(self) -> int:
        """Events a second that the partitions of the inbox take."""
        return self.shards * self.units_per_second


SCENARIOS = (
    Scenario(name="four shards"),
    Scenario(name="one shard", shards=1),
    Scenario(name="Lambda", workers=50, batches=1),
    Scenario(name="slow table", burst=0.8, burst_seconds=60, slow_ms=400),
)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a scenario."""

    name: str
    capacity: int
    stored_during: float  # a second, in the second half of the burst
    stored_at_once: float  # a second, in the first 10 seconds after the burst
    stored_at_worst: float  # a second, in the worst 10 seconds of the backlog
    units_per_event: float
    drained_seconds: float | None  # after the burst, until the queue was empty
    messages_left: int
    per_second: list[int]

    @property
    def faults(self) -> list[str]:
        """Say which goals are missed."""
        goals = {
            "nothing is stored during the burst": self.stored_during > 0,
            "stored too little after the burst": self.stored_at_once >= _LEAST_SHARE * self.capacity,
            "too many units an event": self.units_per_event <= _MOST_UNITS,
            BACKLOG_STAYS: self.drained_seconds is not None,
        }
        return [fault for fault, is_met in goals.items() if not is_met]


def laid_out_in(shards: int) -> Layout:
    """Return a layout of the inbox that is overloaded."""
    return Layout().scaled(InboxName("acme", "orders"), shards, 0)


class _OrderlyQueue(MemoryQueue):
    """Lets one receiver wait at a time: a message would wake hundreds of them, for nothing."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._turn = asyncio.Lock()

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        async with self._turn:
            return await super().receive(limit=limit, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)


class _CountedStore(MemoryStore):
    """Counts the events that it lists."""

    listed = 0

    def _put(self, place: Place, record: Record) -> None:
        self.listed += isinstance(record, StoredEvent) - isinstance(self._at(place), StoredEvent)
        super()._put(place, record)


class AwsWire(Wire):
    """A connection with the latency of DynamoDB: p50 5 ms, p99 25 ms, p99.9 100 ms, p99.99 500 ms."""

    slow_ms = 0.0

    def _delay(self) -> float:
        draw = self._rng.random()
        if self.slow_ms:
            return self._rng.uniform(0.9, 1.1) * self.slow_ms / 1000
        if draw < 0.0001:
            return self._rng.uniform(0.1, 0.5)
        if draw < 0.001:
            return self._rng.uniform(0.025, 0.1)
        return 0.005 * self._rng.lognormvariate(0, 0.69)


class _Overload:
    def __init__(self, loop: VirtualLoop, scenario: Scenario, seed: int) -> None:
        self._loop = loop
        self._scenario = scenario
        self._rng = random.Random(seed)  # noqa: S311 - a seed must replay
        self._services = Process(loop)
        self._settings = Settings(worker_receivers=scenario.batches)
        self._queue = _OrderlyQueue(self._services)
        self._layout = layout = laid_out_in(scenario.shards)
        self._store = _CountedStore(self._services, layout)
        self._capacity = Capacity(loop.time, rate=scenario.units_per_second)
        self._minter = Minter(self._services, random_bytes=self._rng.randbytes)
        self._wires: list[AwsWire] = []
        self._per_second: list[int] = []
        self._drained: float | None = None

    async def run(self) -> Figures:
        never = asyncio.Event()
        workers = [asyncio.create_task(self._worker().run(never)) for _ in range(self._scenario.workers)]
        meter = asyncio.create_task(self._meter())
        await self._load()
        for task in (*workers, meter):
            task.cancel()
        await asyncio.gather(*workers, meter, return_exceptions=True)
        return self._figures()

    def _worker(self) -> Consumer:
        process = Process(self._loop)
        faults = Faults(counts={})
        wire = AwsWire(process, self._rng, faults, timeout_ms=self._settings.store_timeout_ms)
        self._wires.append(wire)
        partitioned = PartitionedStore(self._store, self._capacity, self._layout.shard_of)
        store = wired_store(cast("EventStore", partitioned), wire, process, self._rng, faults)
        minter = Minter(process, random_bytes=self._rng.randbytes)
        processor = Processor(
            store=store,
            bodies=MemoryBodies(),
            dead_letters=DeadLetters(MemoryQueue(process), process, per_minute=100),
            rules=CommitRules(clock=process, minter=minter, settings=self._settings),
        )
        sqs = Wire(process, self._rng, faults, timeout_ms=self._settings.queue_timeout_ms)
        queue = wired_queue(self._queue, sqs, process)
        return Consumer(queue=queue, processor=processor, clock=process, settings=self._settings)

    async def _load(self) -> None:
        scenario = self._scenario
        await self._send(scenario.calm, scenario.calm_seconds)
        self._slow_down(scenario.slow_ms)
        await self._send(scenario.burst, scenario.burst_seconds)
        self._slow_down(0)
        burst_end = self._loop.time()
        while self._loop.time() < burst_end + scenario.drain_seconds:
            await self._send(scenario.calm, 1)
            # What was received within the last second is in progress; the rest is backlog.
            if len(self._queue.bodies) * _PACK_EVENTS < scenario.capacity:
                self._drained = self._loop.time() - burst_end
                return

    def _slow_down(self, slow_ms: float) -> None:
        for wire in self._wires:
            wire.slow_ms = slow_ms

    async def _send(self, load: float, seconds: float) -> None:
        """Send packs at `load` times the capacity for `seconds`."""
        packs_per_tick = load * self._scenario.capacity * _TICK_SECONDS / _PACK_EVENTS
        due = 0.0
        for _ in range(round(seconds / _TICK_SECONDS)):
            due += packs_per_tick
            packs, due = int(due), due - int(due)
            for batch in batches([self._pack() for _ in range(packs)], MAX_MESSAGES):
                await self._queue.send(batch)
            await asyncio.sleep(_TICK_SECONDS)

    def _pack(self) -> Outgoing:
        now_ms = self._services.wall_ms()
        events = [self._event() for _ in range(_PACK_EVENTS)]
        return Outgoing(body=encode(EventPack(tenant="acme", key_id="k", accepted_at=now_ms, events=events)))

    def _event(self) -> Event:
        receipt = self._minter.mint()
        body = b'{"specversion":"1.0","id":"%b","source":"/","type":"t"}' % receipt.encode()
        return Event(receipt=receipt, id=receipt, source="/", inbox="orders", type="t", body=msgspec.Raw(body))

    async def _meter(self) -> None:
        listed = 0
        while True:
            await asyncio.sleep(1)
            self._per_second.append(self._store.listed - listed)
            listed = self._store.listed

    def _figures(self) -> Figures:
        scenario = self._scenario
        calm, burst = round(scenario.calm_seconds), round(scenario.burst_seconds)
        during = self._per_second[calm + burst // 2 : calm + burst]
        backlog = self._per_second[calm + burst :]
        rates = list(_means(backlog, 10)) or [0.0]
        return Figures(
            name=scenario.name,
            capacity=scenario.capacity,
            stored_during=sum(during) / max(1, len(during)),
            stored_at_once=rates[0],
            stored_at_worst=min(rates),
            units_per_event=self._capacity.charged / max(1, self._store.listed),
            drained_seconds=self._drained,
            messages_left=len(self._queue.bodies),
            per_second=self._per_second,
        )


def _means(values: list[int], length: int) -> Iterator[float]:
    for start in range(max(1, len(values) - length + 1)):
        window = values[start : start + length]
        yield sum(window) / max(1, len(window))


def overload(scenario: Scenario, seed: int = 0) -> Figures:
    """Run `scenario`. The same seed always gives the same figures."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(_Overload(loop, scenario, seed).run())
    finally:
        loop.close()
