"""One simulated run from one seed: about twelve seconds of faults, then recovery, then checks."""

import asyncio
from collections import Counter

import msgspec

from shared.model.event import Identity
from shared.model.records import Outcome
from shared.ports import Outgoing
from tests.simulation import later
from tests.simulation.checks import Sightings, check
from tests.simulation.clients import check_clients
from tests.simulation.faults.expiry import ExpiringMemoryStore
from tests.simulation.followers import follow, follow_early, follow_waiting
from tests.simulation.layouts import change_at_random, misplaced
from tests.simulation.profiles import Profile
from tests.simulation.settings import TTL_MS, WIDE_WINDOW_SECONDS, WINDOW_MS, near
from tests.simulation.traffic import INBOX, TENANT
from tests.simulation.virtual import VirtualLoop
from tests.simulation.workers import keep_function_running, keep_worker_running
from tests.simulation.world import MakeStore, World

_FAULT_SECONDS = 12.0
_DRAIN_SECONDS = 3_000.0
_LATE_CALL_SECONDS = 10.0
_END_SECONDS = 2 * _DRAIN_SECONDS
_DAYS_SECONDS = 30 * 86_400
_LONG_OUTAGE_SECONDS = 120.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one run. `violations` lists broken guarantees; the other fields describe the run."""

    seed: int
    profile: str
    violations: list[str]
    admitted: Counter[str]  # seen twice, or missed, under the two faults that docs/protocol.md admits
    faults: dict[str, int]
    events: int


def simulate(seed: int, make_store: MakeStore = ExpiringMemoryStore, profile: Profile | None = None) -> Report:
    """Run `seed` and check the outcome; without `profile`, the seed selects it. The same seed, the same report."""
    return run_in(World(VirtualLoop(), seed, make_store, profile), seed)


def run_in(world: World, seed: int) -> Report:
    """Run `seed` in `world`, and close its loop."""
    loop = world.loop
    end_seconds = _END_SECONDS + (_DAYS_SECONDS if world.profile.expiry else 0)
    try:
        return loop.run_until_complete(asyncio.wait_for(_Run(world, seed).run(), end_seconds))
    except TimeoutError:
        return _report(world, seed, ["the run does not end"])
    except Exception as error:
        error.add_note(f"seed {seed} ({world.profile.name})")
        raise
    finally:
        loop.close()


class _Run:
    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._seed = seed
        self._rng = world.rng
        acker = self._rng.choice(("none", "ordinary", "early"))
        self._sightings = [Sightings(acks=False), Sightings(acks=acker == "ordinary")]
        self._early = Sightings(acks=acker == "early", early=True)
        self._waiting = [Sightings(acks=False, types=("u.*",))] if world.profile.clients else []

    async def run(self) -> Report:
        world = self._world
        keep_running = keep_function_running if world.profile.on_lambda else keep_worker_running
        background = [keep_running(world) for _ in range(self._rng.randint(1, 3))]
        background += [follow(world, sightings) for sightings in self._sightings]
        background += [follow_waiting(world, sightings) for sightings in self._waiting]
        background += [follow_early(world, self._early)]
        background += [later.sweep(world)] if world.profile.expiry else []
        tasks = [asyncio.create_task(job) for job in background]
        removals = self._rng.random() < 0.4
        jobs = [self._produce() for _ in range(self._rng.randint(1, 3))]
        jobs += [self._cause_outages(), self._redrive()]
        jobs += [] if world.profile.keeps_dlq_empty else [self._redeliver()]
        jobs += [self._remove()] if removals else []
        jobs += [change_at_random(world)] if world.layouts and self._rng.random() < 0.7 else []
        await asyncio.gather(*jobs)
        world.stop_faults()
        violations = await self._drain()
        if world.profile.expiry:
            await later.pass_days(world)
            violations += await self._drain()
        if world.profile.clients:
            violations += await check_clients(world)
        world.stop.set()
        await asyncio.gather(*tasks)
        found, admitted = check(world, [*self._sightings, *self._waiting, self._early])
        return _report(world, self._seed, [*violations, *found, *misplaced(world)], admitted)

    async def _produce(self) -> None:
        """Post events, with repeats within the window, at its boundary and beyond."""
        rng, world = self._rng, self._world
        names = [f"e{rng.randrange(12)}" for _ in range(rng.randint(1, 4))]
        pace = rng.choice((0.1, 0.3, 1.0))
        for _ in range(rng.randint(3, 14)):
            fresh = [world.traffic.minter.mint() for _ in range(27 if rng.random() < 0.02 else rng.choice((1, 1, 2)))]
            await world.traffic.post(dict.fromkeys([*rng.sample(names, rng.randint(0, 1)), *fresh], INBOX))
            await asyncio.sleep(pace * rng.random())
            if rng.random() < 0.3:
                ages_ms = (
                    0,
                    0,
                    0,
                    0,
                    0,
                    near(rng, (0, WINDOW_MS, 1000 * WIDE_WINDOW_SECONDS), 3 * WINDOW_MS),
                    near(rng, (TTL_MS,), 2 * TTL_MS),
                )
                await world.traffic.post({rng.choice(names): INBOX}, age_ms=rng.choice(ages_ms))
            if rng.random() < 0.2:
                await asyncio.sleep(near(rng, (0, WINDOW_MS), 0) / 1000)

    async def _remove(self) -> None:
        """Ack or erase events by identity, including ones that never existed or are still in flight."""
        rng, traffic = self._rng, self._world.traffic
        for _ in range(rng.randint(1, 6)):
            await asyncio.sleep(rng.expovariate(0.4))
            names = [event.identity.id for event in traffic.accepted[-5:]]
            identity = Identity(TENANT, INBOX, "/", rng.choice([*names, f"e{rng.randrange(12)}"]))
            await traffic.remove(identity, erase=rng.random() < 0.6)

    async def _redeliver(self) -> None:
        """Redeliver messages that other workers still process, as SQS may."""
        end = self._world.loop.time() + _FAULT_SECONDS
        while self._world.loop.time() < end:
            await asyncio.sleep(self._rng.expovariate(1.0))
            self._world.queue.show_all(self._rng)

    async def _cause_outages(self) -> None:
        rng, world = self._rng, self._world
        longest = (0.2, 2.0, 20.0, _LONG_OUTAGE_SECONDS) if world.profile.keeps_dlq_empty else (0.2, 2.0, 20.0)
        for _ in range(rng.choice((0, 0, 1, 2))):
            await asyncio.sleep(rng.uniform(0, 8))
            down = rng.choice((world.faults, world.faults, world.bucket_faults))
            down.is_down = True
            await asyncio.sleep(rng.choice(longest) * rng.random())
            down.is_down = False

    async def _redrive(self) -> None:
        """Move messages from the DLQ to the queue; each is sent before it is deleted."""
        world = self._world
        while messages := await world.dlq.receive(limit=10, wait_seconds=0, visibility_seconds=60):
            if world.profile.keeps_dlq_empty:
                world.violations.append(f"{len(messages)} messages in the DLQ, none of which is at fault")
            for message in messages:
                if await world.queue.send([Outgoing(body=message.body)]) == [Outcome.DONE]:
                    await world.dlq.delete([message])

    async def _drain(self) -> list[str]:
        """Wait until both queues are empty and no process is stalled, then for calls that are still in flight."""
        world = self._world
        end = world.loop.time() + _DRAIN_SECONDS
        while world.queue.bodies or world.dlq.bodies or any(p.is_stalled and not p.is_dead for p in world.processes):
            if world.loop.time() > end:
                return [f"the queue does not drain: {len(world.queue.bodies)} left, {len(world.dlq.bodies)} dead"]
            await self._redrive()
            await asyncio.sleep(1)
        await asyncio.sleep(_LATE_CALL_SECONDS)
        return [f"{world.queue.too_old} messages were kept for too long"] if world.queue.too_old else []


def _report(world: World, seed: int, violations: list[str], admitted: Counter[str] | None = None) -> Report:
    return Report(
        seed=seed,
        profile=world.profile.name,
        violations=violations,
        admitted=admitted or Counter(),
        faults=world.faults.counts,
        events=len(world.traffic.accepted),
    )
