"""Growth: an inbox is sent more than one partition takes, for minutes, and then nearly nothing, for days.

The real workers in virtual time, against partitions with a small budget and with DynamoDB's latency. Nothing fails.
"""

import asyncio
import random
from collections import Counter
from typing import cast
from unittest.mock import patch

import msgspec

from shared.layouts import Layouts
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.layout_store import MemoryLayoutStore
from shared.memory.queue import MemoryQueue
from shared.model.cursor import decode, encode
from shared.model.event import Event
from shared.model.layout import Epoch, InboxName
from shared.model.pack import EventPack
from shared.model.pack import encode as encode_pack
from shared.model.position import Minter
from shared.ports import EventStore, Outgoing
from shared.settings import Settings
from tests.simulation.faults.queue import wired_queue
from tests.simulation.layouts import laid_out_by
from tests.simulation.partitions import Capacity, PartitionedStore
from tests.simulation.pressure import AwsWire
from tests.simulation.virtual import EPOCH_MS, Process, VirtualLoop
from tests.simulation.wire import Faults, Wire, wired_store
from worker.commit import inbox_scaling
from worker.commit.consumer import Consumer
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import CommitRules
from worker.commit.processor import Processor
from worker.inbox.reader import Inbox, PageRequest

UNITS_PER_SECOND = 10
"""Of one partition."""

_EVENTS_PER_SECOND = 50  # more than four shards take, and less than eight
_PACK_EVENTS = 10
_MOST_PACKS = 20  # in the queue: the producer waits for the workers
_NAME = InboxName("acme", "orders")
_SETTINGS = Settings(worker_receivers=2)
_DAY_SECONDS = 86_400


class Follower:
    """The ids that a reader has got, in order."""

    def __init__(self, inbox: Inbox, *, early: bool = False) -> None:
        self.ids: list[str] = []
        self._inbox = inbox
        self._request = PageRequest(*_NAME, early=early, limit=100)

    async def read(self, wait_seconds: float = 0) -> bool:
        """Read one page, as a consumer does with its last cursor; return whether there is more."""
        page = await self._inbox.read(self._request, wait_seconds)
        self.ids += [msgspec.json.decode(event)["id"] for event in page.events]
        after = decode(encode(page.end, _NAME.inbox, page.returned), _NAME.inbox)
        self._request = self._request._replace(after=after.position, returned=after.returned)
        return page.more or bool(page.events)

    async def follow(self, stop: asyncio.Event) -> None:
        """Read with long polls until `stop` is set."""
        while not stop.is_set():
            await self.read(5)

    async def catch_up(self) -> None:
        """Read until nothing is left."""
        while await self.read():
            pass


class Growth:
    """A deployment of two workers, and the followers of its only inbox."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self._loop = loop
        self._rng = random.Random(seed)  # noqa: S311 - a seed must replay
        self._services = Process(loop)
        self._queue = MemoryQueue(self._services)
        self._store = MemoryStore(self._services)
        self._layout = MemoryLayoutStore(self._services)
        self._capacity = Capacity(loop.time, rate=UNITS_PER_SECOND)
        self._minter = Minter(self._services, random_bytes=self._rng.randbytes)
        self._bodies = MemoryBodies()
        self.accepted: list[str] = []
        self.followers = {
            "ordinary": Follower(self._inbox()),
            "early": Follower(self._inbox(), early=True),
            "old cursor": Follower(self._inbox()),
        }

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The epochs of the inbox, with times in seconds since the start."""
        sharding = self._layout.layout.inboxes.get(_NAME)
        return tuple(Epoch((at - EPOCH_MS) // 1000, shards) for at, shards in sharding.epochs) if sharding else ()

    def shards_used(self) -> Counter[int]:
        """Return the number of events in each shard."""
        return Counter(shard for shard, _ in self._store.by_shard)

    async def run(self) -> None:
        """Let the inbox grow and shrink; then everything has been read."""
        stop, never = asyncio.Event(), asyncio.Event()
        workers = [asyncio.create_task(self._worker().run(never)) for _ in range(2)]
        following = [self.followers[name].follow(stop) for name in ("ordinary", "early")]
        readers = [asyncio.create_task(follow) for follow in following]
        await self._send(5)
        await self.followers["old cursor"].read()
        await self._send_until(8)
        await self._send(30)
        stop.set()
        await asyncio.gather(*readers)
        await self._trickle_until(1)
        await self._post(_PACK_EVENTS)
        await asyncio.sleep(60)
        for follower in self.followers.values():
            await follower.catch_up()
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    def _connect(self, process: Process) -> tuple[EventStore, Layouts]:
        faults = Faults(counts={})
        wire = AwsWire(process, self._rng, faults, timeout_ms=_SETTINGS.store_timeout_ms)
        layouts = Layouts(self._layout, process, skew_ms=_SETTINGS.clock_skew_ms)
        store = cast("EventStore", PartitionedStore(self._store, self._capacity, self._store.shard_of))
        lay_out = laid_out_by(layouts, self._store)
        return wired_store(store, wire, process, self._rng, faults, lay_out=lay_out), layouts

    def _inbox(self) -> Inbox:
        process = Process(self._loop)
        return Inbox(self._connect(process)[0], self._bodies, process, _SETTINGS)

    def _worker(self) -> Consumer:
        process = Process(self._loop)
        store, layouts = self._connect(process)
        minter = Minter(process, random_bytes=self._rng.randbytes)
        processor = Processor(
            store=store,
            bodies=self._bodies,
            dead_letters=DeadLetters(MemoryQueue(process), process, per_minute=100),
            rules=CommitRules(clock=process, minter=minter, settings=_SETTINGS),
            layouts=layouts,
        )
        wire = Wire(process, self._rng, Faults(counts={}), timeout_ms=_SETTINGS.queue_timeout_ms)
        queue = wired_queue(self._queue, wire, process)
        return Consumer(queue=queue, processor=processor, clock=process, settings=_SETTINGS)

    async def _send(self, seconds: float) -> None:
        end = self._loop.time() + seconds
        while self._loop.time() < end:
            if len(self._queue.bodies) < _MOST_PACKS:
                await self._post(_PACK_EVENTS)
            await asyncio.sleep(_PACK_EVENTS / _EVENTS_PER_SECOND)

    async def _send_until(self, shards: int) -> None:
        while self._in_effect() != shards:
            await self._send(1)
            assert self._loop.time() < 1_000, f"the inbox has not grown: {self.epochs}"

    async def _trickle_until(self, shards: int) -> None:
        while self._in_effect() != shards:
            await self._post(1)
            await asyncio.sleep(3600)
            assert self._loop.time() < 10 * _DAY_SECONDS, f"the inbox has not shrunk: {self.epochs}"

    def _in_effect(self) -> int:
        return self._layout.layout.shards_at(_NAME, self._services.wall_ms())

    async def _post(self, count: int) -> None:
        events = [self._event() for _ in range(count)]
        pack = EventPack(tenant="acme", key_id="k", accepted_at=self._services.wall_ms(), events=events)
        await self._queue.send([Outgoing(body=encode_pack(pack))])

    def _event(self) -> Event:
        receipt = self._minter.mint()
        self.accepted.append(receipt)
        body = b'{"specversion":"1.0","id":"%b","source":"/","type":"t"}' % receipt.encode()
        return Event(receipt=receipt, id=receipt, source="/", inbox=_NAME.inbox, type="t", body=msgspec.Raw(body))


def grow(seed: int = 0) -> Growth:
    """Run one deployment to its end."""
    loop = VirtualLoop()
    try:
        with patch.object(inbox_scaling, "PARTITION_UNITS", UNITS_PER_SECOND):
            growth = Growth(loop, seed)
            loop.run_until_complete(growth.run())
            return growth
    finally:
        loop.close()
