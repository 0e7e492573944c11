"""Ends processes at random moments of the load."""

import asyncio
import random
import signal
from collections.abc import Callable
from functools import partial

from tests.chaos.fleet import Fleet
from tests.chaos.plan import Plan
from tests.chaos.process import Service
from tests.chaos.waiting import until, when

_JITTER_SECONDS = 0.3
_PAUSE_SECONDS = 1.0
_UP_SECONDS = 120
_EDGE = 0.03  # of the load at both ends, where nothing is killed


class Killer:
    """Kills by the plan. `progress` returns the share of the load that is done, from 0 to 1."""

    def __init__(self, fleet: Fleet, plan: Plan, progress: Callable[[], float], rng: random.Random) -> None:
        self._fleet = fleet
        self._progress = progress
        self._rng = rng
        # Moments are points of the load, not of time, so that a slow machine gets as many as a fast one.
        self._moments = sorted(
            (rng.uniform(_EDGE, 1 - _EDGE), kind)
            for kind, kills in (
                ("worker", plan.worker_kills),
                ("ingest", plan.ingest_kills),
                ("emulator", plan.emulator_stops),
                ("machine", plan.machine_kills),
                ("member", plan.member_kills),
                ("groups", plan.groups_kills),
            )
            for _ in range(kills)
        )

    async def run(self) -> None:
        """Return when all planned kills are done and all processes run again."""
        for moment, kind in self._moments:
            await when(partial(self._is_reached, moment))
            await asyncio.sleep(self._rng.uniform(0, _JITTER_SECONDS))
            await self._strike(kind)

    def _is_reached(self, moment: float) -> bool:
        return self._progress() >= moment

    async def _strike(self, kind: str) -> None:
        if kind == "worker":
            victim = await self._worker_at_work()
            await victim.end(signal.SIGKILL, pause_seconds=self._rng.uniform(0, _PAUSE_SECONDS))
        elif kind == "member":
            victim = self._rng.choice(self._fleet.members)
            await self._up(victim)
            await victim.end(signal.SIGKILL, pause_seconds=self._rng.uniform(0, _PAUSE_SECONDS))
        elif kind in ("ingest", "groups"):
            victim = self._fleet.ingest if kind == "ingest" else self._fleet.groups
            await self._up(victim)
            await victim.end(signal.SIGKILL, pause_seconds=0)
            await until(f"{kind} answers again", self._fleet.is_ready, seconds=_UP_SECONDS)
        elif kind == "machine":
            services = self._fleet.services
            for service in services:
                await self._up(service)
            await asyncio.gather(*(service.end(signal.SIGKILL, pause_seconds=0) for service in services))
            await until("ingest and inbox answer again", self._fleet.is_ready, seconds=_UP_SECONDS)
        else:
            assert self._fleet.emulator is not None, "there is an emulator to stop"
            # The emulator saves its state only on SIGTERM.
            await self._fleet.emulator.end(signal.SIGTERM, pause_seconds=self._rng.uniform(0, _PAUSE_SECONDS))
            await until("the emulator answers again", self._fleet.emulator_answers, seconds=_UP_SECONDS)

    async def _up(self, service: Service) -> None:
        async def is_up() -> bool:
            return service.is_up

        await until(f"{service.name} is up", is_up, seconds=_UP_SECONDS)

    async def _worker_at_work(self) -> Service:
        """Return a worker that has handled a message since its start: killing a starting one shows little."""
        ready: list[Service] = []

        async def any_at_work() -> bool:
            ready[:] = [worker for worker in self._fleet.workers if worker.is_up and _has_worked(worker)]
            return bool(ready)

        await until("a worker is at work", any_at_work, seconds=_UP_SECONDS)
        return self._rng.choice(ready)


def _has_worked(worker: Service) -> bool:
    return '"message_id"' in worker.log.read_text(errors="replace")
