"""One run: load, then a quiet phase, then the checks."""

import asyncio
import contextlib
import random
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from cli.local.data_option import environment_of
from cli.local.emulator import free_port
from shared import settings
from tests.chaos.events import Identity, identity_of
from tests.chaos.promises import Evidence, Followed, positions_of, violations
from tests.chaos.queues import Queues, opened
from tests.chaos.run import followed, read_all
from tests.e2e.local import Local, running
from tests.load.memory import EMULATOR, Memory
from tests.load.plan import Plan
from tests.load.timing import Poller, SteadyProducers, Times

_GROUPS = 2
_MARGIN_SECONDS = 0.5
_GROWTH = 1.2
_JUDGED_SECONDS = 300  # a shorter run has not warmed up


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run counted and measured, and every promise that it found broken.

    `times` are p50, p99 and the longest, in seconds; `memory` is of each process the mean of the first minute after
    warm-up, of the last, and the most, in MiB.
    """

    figures: Mapping[str, int]
    times: Mapping[str, Sequence[float]]
    memory: Mapping[str, Sequence[float]]
    violations: Mapping[str, Sequence[str]]


@contextmanager
def stack(data: Path | None, directory: Path) -> Iterator[Local]:
    """Yield the running stack of `data`, or a new one in `directory`, until the end of the context."""
    if data is not None:
        yield Local(data)
        return
    with running(free_port(), directory / "data") as own:
        yield own


def load(plan: Plan, local: Local) -> Report:
    """Put the load on a stack; raise TimeoutError if it does not end in time."""
    return asyncio.run(_Run(plan, local).through())


class _Run:
    def __init__(self, plan: Plan, local: Local) -> None:
        self._plan = plan
        self._url = local.url
        self._environ = environment_of(local.data)
        self._settings = settings.load(self._environ)
        self._key = _key(local)
        self._rng = random.Random(plan.seed)  # noqa: S311 (a seed replays the choices)
        self._times = Times()
        self._memory = Memory(local.data)
        self._inboxes = Counter(identity_of(number).inbox for number in range(plan.events))
        # Half of the pollers wait on an inbox before it fills, while the others follow the one before.
        groups = [dict(list(self._inboxes.items())[group::_GROUPS]) for group in range(_GROUPS)]
        self._pollers = [
            Poller(self._url, self._key, groups[number % _GROUPS], self._rng, self._times.see)
            for number in range(plan.pollers)
        ]

    async def through(self) -> Report:
        async with asyncio.timeout(self._plan.deadline_seconds), opened(self._settings, self._environ) as queues:
            before = _flat(await queues.dead_letters())
            sampling = asyncio.create_task(self._memory.run())
            try:
                await self._load(queues)
            finally:
                sampling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sampling
            dead = _flat(await queues.dead_letters()) - before
            return self._report(
                Evidence(
                    accepted=frozenset(self._times.accepted),
                    listed=await read_all(self._url, self._key, list(self._inboxes)),
                    dead=dead,
                    followers=self._followers(),
                    faults=self._times.faults,
                )
            )

    async def _load(self, queues: Queues) -> None:
        stop, headers = asyncio.Event(), {"Authorization": f"Bearer {self._key}"}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._plan.producers)
        async with asyncio.TaskGroup() as group:
            for poller in self._pollers:
                group.create_task(poller.run(stop))
            async with httpx.AsyncClient(base_url=self._url, headers=headers, limits=limits, trust_env=False) as client:
                await SteadyProducers(client, self._times, self._plan, self._rng).run()
            await queues.quiet(self._plan.deadline_seconds)
            # The last commits become readable only after this.
            await asyncio.sleep(self._settings.settle_ms / 1000 + _MARGIN_SECONDS)
            stop.set()

    def _followers(self) -> dict[str, Followed]:
        """Return what the pollers saw: one of each group together saw everything."""
        pairs = [self._pollers[at : at + _GROUPS] for at in range(0, len(self._pollers) - 1, _GROUPS)]
        return {f"{at + 1}.": _together([followed(one) for one in pair]) for at, pair in enumerate(pairs)}

    def _report(self, evidence: Evidence) -> Report:
        places, memory = positions_of(evidence.listed), self._memory.windows()
        found = violations(evidence)
        if evidence.dead:
            found["in the DLQ"] = [str(one) for one in sorted(evidence.dead)]
        grown = [name for name, (first, last, _) in memory.items() if name != EMULATOR and last > _GROWTH * first]
        if grown and self._plan.seconds >= _JUDGED_SECONDS:
            found["grown"] = grown
        answers = self._times.answers
        figures = {
            "accepted events": len(evidence.accepted),
            "accepted repeats of them": self._times.repeats,
            "POSTs answered 202": answers["202"],
            "POSTs answered 503": answers["503"],
            "POSTs given up or cut off": answers["timeout"] + answers["cut"],
            "listed": len(places),
            "lost": len(evidence.accepted - places.keys() - evidence.dead),
            "listed twice": sum(len(at) > 1 for at in places.values()),
            "in the DLQ": len(evidence.dead),
            "seen twice by a poller": sum(len(one.twice) for one in evidence.followers.values()),
            "reads that failed": sum(poller.failed_reads for poller in self._pollers),
        }
        times = {"POST": percentiles(self._times.posts), "accepted to readable": percentiles(self._times.delays)}
        return Report(figures=figures, times=times, memory=memory, violations=found)


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return p50, p99 and the largest; zeros of nothing."""
    if not values:
        return (0.0, 0.0, 0.0)
    ranked = sorted(values)
    return (ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100], ranked[-1])


def _together(parts: Sequence[Followed]) -> Followed:
    return Followed(
        seen={identity: at for part in parts for identity, at in part.seen.items()},
        falling=[one for part in parts for one in part.falling],
        broken=[one for part in parts for one in part.broken],
    )


def _flat(dead_letters: Sequence[Sequence[Identity]]) -> frozenset[Identity]:
    return frozenset(one for dead_letter in dead_letters for one in dead_letter)


def _key(local: Local) -> str:
    """Return a key without effective limits, of a new tenant with empty inboxes."""
    named = ("--tenant", f"load-{secrets.token_hex(4)}", "--name", "load", "--rate", "100000", "--burst", "100000")
    command = [sys.executable, "-m", "cli", "keys", "--data", str(local.data), "create", *named, "--json"]
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    return str(msgspec.json.decode(done.stdout)["api_key"])
