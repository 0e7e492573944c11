"""One simulated run of a group from one seed: some seconds of faults, then recovery, then checks."""

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec

from shared.group_ports import GroupStore
from shared.memory.group_store import MemoryGroupStore
from shared.model import position as positions
from shared.model.groups import GroupConfig, Ledger
from tests.simulation.groups.members import Member
from tests.simulation.groups.world import GROUP, TYPE, World, run
from tests.simulation.virtual import VirtualLoop

_FAULT_SECONDS = 5.0
_DRAIN_SECONDS = 2_000.0
_LATE_CALL_SECONDS = 10.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one run. `violations` lists broken guarantees; the other fields describe the run."""

    seed: int
    profile: str
    violations: list[str]
    admitted: Counter[str]
    faults: dict[str, int]
    events: int
    leases: int
    repeated: int  # events that were leased more than once
    quarantined: int


def simulate(seed: int, make_store: Callable[[], GroupStore] = MemoryGroupStore) -> Report:
    """Run `seed` and check the outcome. The same seed always gives the same report."""
    loop = VirtualLoop()
    world = World(loop, seed, make_store)
    try:
        return loop.run_until_complete(asyncio.wait_for(_Run(world, seed).run(), 2 * _DRAIN_SECONDS))
    except TimeoutError:
        world.history.violations.append("the run does not end")
        return _report(world, seed, set())
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise
    finally:
        loop.close()


class _Run:
    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._rng = world.rng
        self._seed = seed
        self._over = asyncio.Event()
        self._config = GroupConfig(
            types=self._rng.choice(((), (TYPE,))),
            max_attempts=self._rng.choice((1, 2, 3, 5)),
            backoff_min_seconds=1,
            backoff_max_seconds=4,
        )

    async def run(self) -> Report:
        world, rng = self._world, self._rng
        await world.operator.groups.admin.create(GROUP, self._config)
        members = [Member(world) for _ in range(rng.randint(2, 4))]
        tasks = [asyncio.create_task(member.run(self._over)) for member in members]
        tasks += [asyncio.create_task(job) for job in (self._produce(), self._disturb(), self._break_servers())]
        await asyncio.sleep(_FAULT_SECONDS * rng.choice((0.3, 1.0)))
        for _ in range(0 if world.profile.late else rng.choice((0, 0, 1, 4))):
            await self._seek()
            await asyncio.sleep(rng.random())
        await asyncio.sleep(_FAULT_SECONDS / 2)
        self._over.set()
        faults = world.faults
        faults.throttled = faults.lost = faults.late = faults.slow = faults.paused = 0.0
        await asyncio.gather(*tasks)
        await asyncio.sleep(_LATE_CALL_SECONDS)
        await self._drain(members)
        for server in [*world.servers, world.operator]:
            await server.groups.aclose()
        return await self._check()

    async def _produce(self) -> None:
        while not self._over.is_set():
            await self._world.store_events(self._rng.choice((1, 1, 3, 12)))
            await asyncio.sleep(self._rng.choice((0.3, 1.5)) * self._rng.random())

    async def _disturb(self) -> None:
        pace = self._rng.choice((0.1, 0.5, 3.0))
        while not self._over.is_set():
            await asyncio.sleep(pace * self._rng.random())
            self._world.disturb()
            if self._rng.random() < 0.05:
                self._world.history.quarantine_released()
                await self._world.operator.groups.admin.release_quarantined(GROUP, None)
                self._world.history.quarantine_released()

    async def _break_servers(self) -> None:
        world, rng = self._world, self._rng
        while not self._over.is_set():
            await asyncio.sleep(rng.expovariate(1.5))
            index = rng.randrange(len(world.servers))
            if world.profile.stalls and rng.random() < 0.3:
                world.servers[index].process.stall(rng.choice((0.3, 1.5, 4.0)) * rng.random())
            if world.profile.crashes and rng.random() < 0.5:
                world.servers[index].kill()
                await world.servers[index].groups.aclose()
                world.servers[index] = world.server()

    async def _seek(self) -> None:
        world = self._world
        target = self._rng.choice((positions.FIRST, positions.floor_of(world.now() - 3000)))
        world.history.is_seeking = True
        await world.operator.groups.admin.seek(GROUP, target)
        world.history.seek(target)
        world.history.is_seeking = False
        if self._rng.random() < 0.5:
            world.history.quarantine_released()
            await world.operator.groups.admin.release_quarantined(GROUP, None)

    async def _drain(self, members: list[Member]) -> None:
        """Let healthy members handle everything that can be leased."""
        world = self._world
        end = world.loop.time() + _DRAIN_SECONDS
        idle = 0
        while world.loop.time() < end:
            was_leased = [await member.step(is_healthy=True) for member in members]
            if not any(was_leased):
                ledger = await self._ledger()
                retries = await world.operator.groups._store.retries(GROUP, ledger.epoch, limit=1)  # noqa: SLF001
                idle = 0 if ledger.windows or retries else idle + 1
                if idle == 2:
                    return
                await asyncio.sleep(2.0)
        world.history.violations.append("the group does not drain")

    async def _ledger(self) -> Ledger:
        return await self._world.operator.groups.admin.find(GROUP)

    async def _check(self) -> Report:
        world, ledger = self._world, await self._ledger()
        failed = run(world.store.quarantined(GROUP, ledger.born, limit=10_000))
        quarantined = {event.position for event in failed}
        for position in world.remaining(self._config.types):
            if position > world.history.skipped_to and position not in world.history.acked | quarantined:
                world.history.violations.append(f"lost: {position}")
        return _report(world, self._seed, quarantined)


def _report(world: World, seed: int, quarantined: set[str]) -> Report:
    handed = world.history.handed
    return Report(
        seed=seed,
        profile=world.profile.name,
        violations=world.history.violations,
        admitted=world.history.admitted,
        faults=world.faults.counts,
        events=len(handed),
        leases=sum(handed.values()),
        repeated=sum(times > 1 for times in handed.values()),
        quarantined=len(quarantined),
    )
