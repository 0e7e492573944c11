"""One simulated run from one seed: about twelve seconds of faults, then recovery, then checks."""

import asyncio
import contextlib
from collections import Counter

import msgspec

from shared.memory.event_store import MemoryStore
from shared.model import cursor as cursors
from shared.model.cursor import MAX_RETURNED
from shared.model.errors import Unavailable, Unclear
from shared.model.event import Identity
from shared.model.records import Outcome
from shared.ports import Outgoing
from tests.simulation.checks import Sightings, check
from tests.simulation.layouts import change_at_random, misplaced
from tests.simulation.partitions import AMPLE
from tests.simulation.virtual import Process, VirtualLoop
from tests.simulation.world import INBOX, SETTINGS, TENANT, MakeStore, World
from worker.inbox.reader import PageRequest

_FAULT_SECONDS = 12.0
_DRAIN_SECONDS = 3_000.0
_LATE_CALL_SECONDS = 10.0
_END_SECONDS = 2 * _DRAIN_SECONDS
_WINDOW_MS = SETTINGS.deduplication_window_seconds * 1000
_TWO_DAYS_MS = 2 * 86_400_000


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one run. `violations` lists broken guarantees; the other fields describe the run."""

    seed: int
    profile: str
    violations: list[str]
    admitted: Counter[str]  # seen twice, or missed, under the two faults that docs/protocol.md admits
    faults: dict[str, int]
    events: int


def simulate(seed: int, make_store: MakeStore = MemoryStore) -> Report:
    """Run `seed` and check the outcome. The same seed always gives the same report."""
    loop = VirtualLoop()
    world = World(loop, seed, make_store)
    try:
        return loop.run_until_complete(asyncio.wait_for(_Run(world, seed).run(), _END_SECONDS))
    except TimeoutError:
        return _report(world, seed, ["the run does not end"])
    except Exception as error:
        error.add_note(f"seed {seed}")
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
        self._has_faults = True

    async def run(self) -> Report:
        world = self._world
        workers = [asyncio.create_task(self._keep_worker_running()) for _ in range(self._rng.randint(1, 3))]
        followers = [asyncio.create_task(self._follow(sightings)) for sightings in self._sightings]
        followers.append(asyncio.create_task(self._follow_early(self._early)))
        removals = self._rng.random() < 0.4
        jobs = [self._produce() for _ in range(self._rng.randint(1, 3))]
        jobs += [self._redeliver(), self._cause_outages(), self._redrive()]
        jobs += [self._remove()] if removals else []
        jobs += [change_at_random(world)] if world.layouts and self._rng.random() < 0.7 else []
        await asyncio.gather(*jobs)
        self._stop_faults()
        violations = await self._drain()
        world.stop.set()
        await asyncio.gather(*workers, *followers)
        found, admitted = check(world, [*self._sightings, self._early])
        return _report(world, self._seed, [*violations, *found, *misplaced(world)], admitted)

    async def _keep_worker_running(self) -> None:
        """Run a worker; when it dies, start another in its place."""
        rng, profile = self._rng, self._world.profile
        while not self._world.stop.is_set():
            process = self._world.process()
            worker = asyncio.create_task(self._world.worker(process))
            while self._has_faults and not worker.done():
                await asyncio.sleep(rng.expovariate(1.0))
                if profile.stalls and rng.random() < 0.3:
                    process.stall(rng.choice((0.3, 0.9, 1.5, 4.0, 15.0)) * rng.random())
                if profile.crashes and rng.random() < 0.3:
                    await _kill(process, worker)
            with contextlib.suppress(asyncio.CancelledError):
                await worker

    async def _produce(self) -> None:
        """Post events, with repeats within the window, at its boundary and beyond."""
        rng, world = self._rng, self._world
        names = [f"e{rng.randrange(12)}" for _ in range(rng.randint(1, 4))]
        pace = rng.choice((0.1, 0.3, 1.0))
        for _ in range(rng.randint(3, 14)):
            fresh = [world.minter.mint() for _ in range(27 if rng.random() < 0.02 else rng.choice((1, 1, 2)))]
            await world.post(dict.fromkeys([*rng.sample(names, rng.randint(0, 1)), *fresh], INBOX))
            await asyncio.sleep(pace * rng.random())
            if rng.random() < 0.3:
                age_ms = rng.choice((0, 0, 0, 0, 0, rng.randint(0, 3 * _WINDOW_MS), _TWO_DAYS_MS))
                await world.post({rng.choice(names): INBOX}, age_ms=age_ms)
            if rng.random() < 0.2:
                await asyncio.sleep(rng.choice((1, _WINDOW_MS - 1, _WINDOW_MS, _WINDOW_MS + 1)) / 1000)

    async def _follow(self, sightings: Sightings) -> None:
        """Follow a cursor until the end of the run, and sometimes ack what was read."""
        rng, world = self._rng, self._world
        inbox = world.inbox(world.process())
        after: str | None = None
        while True:
            is_last = world.stop.is_set()
            with contextlib.suppress(Unavailable, Unclear):
                page = await inbox.page(TENANT, INBOX, after, rng.choice((2, 20, 50)))
                after = page.end
                seen = sightings.add(page.events)
                if sightings.acks and seen and self._has_faults and rng.random() < 0.5:
                    some = dict(rng.sample(list(seen.items()), rng.randint(1, len(seen))))
                    await world.ack(some, types=rng.choice(((), ("t",), ("u.*",))))
                if page.more:
                    continue
                if is_last:
                    return
            await asyncio.sleep(rng.uniform(0.0, 1.4) if self._has_faults else 4.0)

    async def _follow_early(self, sightings: Sightings) -> None:
        """Follow a cursor with early reads and long polls through two processes, and sometimes with ordinary reads."""
        rng, world = self._rng, self._world
        room = rng.choice((2, 8, MAX_RETURNED))
        inboxes = [world.inbox(world.process(), max_returned=room) for _ in range(2)]
        request = PageRequest(TENANT, INBOX)
        while True:
            is_last = world.stop.is_set()
            with contextlib.suppress(Unavailable, Unclear):
                request = request._replace(limit=rng.choice((2, 20, 50)), early=rng.random() < 0.9)
                page = await rng.choice(inboxes).read(request, rng.choice((0, 0, 1)) if not is_last else 0)
                seen = sightings.add(page.events)
                after = cursors.decode(cursors.encode(page.end, INBOX, page.returned), INBOX)
                request = request._replace(after=after.position, returned=after.returned)
                if sightings.acks and seen and self._has_faults and rng.random() < 0.5:
                    await world.ack(dict(rng.sample(list(seen.items()), rng.randint(1, len(seen)))))
                if page.more:
                    continue
                if is_last and not page.events:  # four seconds after the last one, all have settled
                    break
            await asyncio.sleep(rng.choice((0.0, 0.05, rng.uniform(0.0, 1.4))) if self._has_faults else 4.0)
        for inbox in inboxes:
            await inbox.aclose()

    async def _remove(self) -> None:
        """Ack or erase events by identity, including ones that never existed or are still in flight."""
        rng, world = self._rng, self._world
        for _ in range(rng.randint(1, 6)):
            await asyncio.sleep(rng.expovariate(0.4))
            names = [event.identity.id for event in world.accepted[-5:]]
            identity = Identity(TENANT, INBOX, "/", rng.choice([*names, f"e{rng.randrange(12)}"]))
            await world.remove(identity, erase=rng.random() < 0.6)

    async def _redeliver(self) -> None:
        """Redeliver messages that other workers still process, as SQS may."""
        end = self._world.loop.time() + _FAULT_SECONDS
        while self._world.loop.time() < end:
            await asyncio.sleep(self._rng.expovariate(1.0))
            self._world.queue.show_all(self._rng)

    async def _cause_outages(self) -> None:
        rng, faults = self._rng, self._world.faults
        for _ in range(rng.choice((0, 0, 1, 2))):
            await asyncio.sleep(rng.uniform(0, 8))
            faults.is_down = True
            await asyncio.sleep(rng.choice((0.2, 2.0, 20.0)) * rng.random())
            faults.is_down = False

    def _stop_faults(self) -> None:
        self._has_faults = False
        self._world.capacity.rate = AMPLE
        faults = self._world.faults
        faults.throttled = faults.lost = faults.partly = faults.late = faults.slow = faults.paused = 0.0

    async def _redrive(self) -> None:
        """Move messages from the DLQ to the queue; each is sent before it is deleted."""
        world = self._world
        while messages := await world.dlq.receive(limit=10, wait_seconds=0, visibility_seconds=60):
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
        return []


def _report(world: World, seed: int, violations: list[str], admitted: Counter[str] | None = None) -> Report:
    return Report(
        seed=seed,
        profile=world.profile.name,
        violations=violations,
        admitted=admitted or Counter(),
        faults=world.faults.counts,
        events=len(world.accepted),
    )


async def _kill(process: Process, worker: "asyncio.Task[None]") -> None:
    """Kill a process as the kernel does: nothing of it runs any more, not even its clean-up."""
    process.is_dead = True
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker
