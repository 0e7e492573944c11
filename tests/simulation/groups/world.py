"""The simulated deployment of one group: an inbox that changes underneath it, and servers that fail."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

import msgspec

from shared.group_ports import GroupStore
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.group_store import MemoryGroupStore
from shared.model.event import Identity
from shared.model.groups import GroupName, Ledger, Window
from shared.model.layout import Epoch, InboxName, Layout, Sharding
from shared.model.position import Minter, floor_of
from shared.model.records import Guard, Place, StoredEvent
from shared.ports import EventReader
from shared.settings import Settings
from tests.simulation.groups.history import History
from tests.simulation.profiles import CALL_PROFILES
from tests.simulation.virtual import EPOCH_MS, Process, VirtualLoop
from tests.simulation.wire import Faults, Wire
from worker.groups.groups import Groups

T = TypeVar("T")

GROUP = GroupName("acme", "orders", "billing")
SETTINGS = Settings(event_ttl_days=1)
POISON = "poison"
TYPE, OTHER_TYPE = "order.created", "other"
_LONGEST_COMMIT_MS = SETTINGS.settle_ms - SETTINGS.clock_skew_ms - 1
_EXPIRES_AT = EPOCH_MS // 1000 + 100 * 86_400


class _CheckedStore:
    """Checks that no frontier passes the settle bound."""

    def __init__(self, store: GroupStore, world: "World") -> None:
        self._store = store
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def open(self, group: GroupName, seen: Ledger, frontier: str, windows: Mapping[str, Window]) -> bool:
        bound = floor_of(self._world.services.wall_ms() + SETTINGS.clock_skew_ms // 2 - SETTINGS.settle_ms)
        if frontier > bound:
            self._world.history.violations.append("the frontier passed the settle bound")
        return await self._store.open(group, seen, frontier, windows)


def _layout(seed: int) -> Layout:
    """Return a layout whose changes all processes know in time."""
    rng = random.Random(seed)  # noqa: S311 - a seed must replay
    epochs = tuple(Epoch(EPOCH_MS + time, rng.choice((1, 2, 4))) for time in sorted(rng.sample(range(60_000), 3)))
    return Layout(1, 0, {InboxName(GROUP.tenant, GROUP.inbox): Sharding(epochs)})


class Lost(Exception):
    """The server died before it answered."""


class Server:
    """A process that serves the group."""

    def __init__(self, process: Process, groups: Groups) -> None:
        self.process = process
        self.groups = groups
        self._calls: dict[asyncio.Task[Any], None] = {}  # in order, so that a seed replays

    async def call(self, call: Callable[[Groups], Awaitable[T]]) -> T:
        """Return what a request returns; raise `Lost` if the server dies meanwhile."""

        async def serve() -> T:
            await self.process.awake()
            return await call(self.groups)

        if self.process.is_dead:
            raise Lost
        task = asyncio.ensure_future(serve())
        self._calls[task] = None
        try:
            await asyncio.wait([task])
        finally:
            del self._calls[task]
        if task.cancelled():
            raise Lost
        return task.result()

    def kill(self) -> None:
        """End the process as the kernel does."""
        self.process.is_dead = True
        for task in self._calls:
            task.cancel()


class World:
    """Everything in one run. All randomness comes from `rng`."""

    def __init__(self, loop: VirtualLoop, seed: int, make_store: Callable[[], GroupStore] = MemoryGroupStore) -> None:
        self.loop = loop
        self.rng = random.Random(seed)  # noqa: S311 - a seed must replay
        self.profile = CALL_PROFILES[seed % len(CALL_PROFILES)]
        self.services = Process(loop)
        self.events = MemoryStore(self.services, _layout(seed))
        self.bodies = MemoryBodies()
        self.history = History(late=self.profile.late)
        self.store = cast("GroupStore", _CheckedStore(make_store(), self))
        self.faults = self._faults()
        self.operator = self.server(Faults(counts={}))
        self.servers = [self.server() for _ in range(self.rng.randint(1, 3))]
        self.poison: set[str] = set()  # positions
        self._guards: list[Guard] = []
        self._minter = Minter(self._skewed(), random_bytes=self.rng.randbytes)
        self._numbers = iter(range(1_000_000))

    def _faults(self) -> Faults:
        rng, profile = self.rng, self.profile
        return Faults(
            throttled=rng.choice((0.0, 0.02, 0.1)),
            lost=rng.choice((0.02, 0.1)) if profile.lost else 0.0,
            slow=rng.choice((0.0, 0.05)),
            paused=rng.choice((0.0, 0.02)) if profile.stalls else 0.0,
            late=rng.choice((0.01, 0.05)) if profile.late else 0.0,
            counts={},
        )

    def _skewed(self) -> Process:
        half = SETTINGS.clock_skew_ms // 2
        return Process(self.loop, skew_ms=self.rng.choice((-half, half, self.rng.randint(-half, half))))

    def server(self, faults: Faults | None = None) -> Server:
        """Return a new server."""
        process = self._skewed()
        wire = Wire(process, self.rng, faults or self.faults, timeout_ms=SETTINGS.store_timeout_ms)
        store = cast("GroupStore", _Wired(self.store, wire))
        reader = cast("EventReader", _Wired(self.events, wire))
        groups = Groups(store, reader, self.bodies, process, SETTINGS, random_bytes=self.rng.randbytes)
        return Server(process, groups)

    def now(self) -> int:
        """Return the true time."""
        return self.services.wall_ms()

    async def store_events(self, count: int) -> None:
        """Store events as the worker does: some time after their positions were minted, but before they settle."""
        for _ in range(count):
            guard = self._new_guard()
            is_poison = self.rng.random() < 0.08
            asyncio.get_running_loop().call_later(
                self.rng.choice((0.01, 0.1, self.rng.random())) * _LONGEST_COMMIT_MS / 1000,
                self._commit,
                guard,
                POISON if is_poison else "fine",
            )
            await asyncio.sleep(self.rng.choice((0, 0, 0.05)) * self.rng.random())

    def _new_guard(self) -> Guard:
        return Guard(
            identity=Identity(GROUP.tenant, GROUP.inbox, "/", f"e{next(self._numbers)}"),
            receipt=self._minter.mint(),
            position=self._minter.mint(),
            accepted_at=self.services.wall_ms(),
            digest="",
            expires_at=_EXPIRES_AT,
        )

    def _commit(self, guard: Guard, data: str) -> None:
        run(self.events.insert_guards([guard]))
        run(self.events.insert_events([self._event(guard, guard.position, data)]))
        self._guards.append(guard)
        if data == POISON:
            self.poison.add(guard.position)

    def _event(self, guard: Guard, position: str, data: str) -> StoredEvent:
        body = {"specversion": "1.0", "id": guard.identity.id, "source": "/", "data": data}
        return StoredEvent(
            place=Place(GROUP.tenant, GROUP.inbox, position),
            type=OTHER_TYPE if self.rng.random() < 0.1 else TYPE,
            body=msgspec.json.encode(body),
            accepted_at=guard.accepted_at,
            expires_at=_EXPIRES_AT,
        )

    def disturb(self) -> None:
        """Move, ack or erase an event of the inbox, as a worker may at any time."""
        if not self._guards:
            return
        guard = self.rng.choice(self._guards[-20:])
        current = run(self.events.read_guard(guard.identity))
        place = Place(GROUP.tenant, GROUP.inbox, current.position if current else "")
        record = self.events.records.get(place)
        if current is None or not isinstance(record, StoredEvent):
            return
        match self.rng.choice(("move", "ack", "erase")):
            case "move":
                position = self._minter.mint()
                data = POISON if place.position in self.poison else "fine"
                moved = msgspec.structs.replace(record, place=place._replace(position=position))
                run(self.events.reposition(current, current, moved))
                if data == POISON:
                    self.poison.add(position)
            case "ack":
                run(self.events.remove_events([place]))
            case "erase":
                run(self.events.erase(current, msgspec.structs.replace(current, erased_at=self.services.wall_ms())))

    def is_open(self, key: str) -> bool:
        """Return whether the window `key` is open."""
        ledger = run(self.store.read(GROUP))
        return ledger is not None and key in ledger.windows

    def remaining(self, types: tuple[str, ...]) -> list[str]:
        """Return the positions of the group's events that the inbox still holds."""
        return [
            place.position
            for place, record in self.events.records.items()
            if isinstance(record, StoredEvent) and not place.delivered and (not types or record.type in types)
        ]


class _Wired:
    """Every method of a store, with each call through a wire."""

    def __init__(self, store: object, wire: Wire) -> None:
        self._store = store
        self._wire = wire

    def mark(self) -> int:
        return 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name == "wait_for_change":
            return method
        return lambda *args, **kwargs: self._wire.call(lambda: method(*args, **kwargs))


def run(call: Awaitable[T]) -> T:
    """Run a call that never waits."""
    try:
        call.__await__().send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise AssertionError("an in-memory service waited")
