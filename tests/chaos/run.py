"""One run: load with kills, then a quiet phase, then the checks."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.chaos.events import inboxes_of
from tests.chaos.fleet import Fleet, started
from tests.chaos.follower import Follower, RestartingFollower
from tests.chaos.group import Handling, handling_in
from tests.chaos.killer import Killer
from tests.chaos.ledger import Ledger
from tests.chaos.plan import Plan
from tests.chaos.producers import Producers
from tests.chaos.promises import Evidence, Followed, positions_of, violations
from tests.chaos.queues import opened
from tests.chaos.waiting import until

_MARGIN_SECONDS = 0.5
_PAGE = 1000
_ANSWER_SECONDS = 60


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run counted, and every promise that it found broken."""

    figures: dict[str, int]
    violations: dict[str, list[str]]
    seen_twice: dict[str, list[list[str]]]


async def chaos(plan: Plan, directory: Path) -> Report:
    """Run `plan` in `directory`, which must be empty; raise TimeoutError if it does not end in time."""
    started_at = time.monotonic()
    async with asyncio.timeout(plan.deadline_seconds), started(directory, plan) as fleet:
        run = _Run(fleet, plan, directory)
        evidence = await run.through()
        figures = run.figures(evidence) | {"seconds": round(time.monotonic() - started_at)}
    report = Report(
        figures=figures,
        violations=violations(evidence),
        seen_twice={
            name: [[*one, *follower.seen[one]] for one in follower.twice]
            for name, follower in evidence.followers.items()
        },
    )
    (directory / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    return report


class _Run:
    def __init__(self, fleet: Fleet, plan: Plan, directory: Path) -> None:
        self._rng = random.Random(plan.seed)  # noqa: S311 (a seed replays the choices)
        self._fleet = fleet
        self._plan = plan
        self._ledger = Ledger()
        self._dead_events = 0
        url, key = fleet.inbox_url, fleet.api_key
        self._inboxes = inboxes_of(plan.events)
        self._steady = Follower(url, key, self._inboxes, self._rng)
        self._restarting = RestartingFollower(url, key, self._inboxes, self._rng, directory / "cursors.json")
        self._logs = directory / "logs"

    async def through(self) -> Evidence:
        """Return the evidence, once all is quiet and the followers have caught up."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for follower in (self._steady, self._restarting):
                group.create_task(follower.run(stop))
            await self._load()
            dead = await self._settle()
            if self._fleet.members:
                await until("the group is done", self._group_is_done, seconds=self._plan.deadline_seconds)
            stop.set()
        return Evidence(
            accepted=frozenset(self._ledger.accepted),
            listed=await read_all(self._fleet.inbox_url, self._fleet.api_key, self._inboxes),
            dead=dead,
            followers={"steady": followed(self._steady), "restarting": followed(self._restarting)},
            faults=self._ledger.faults,
            handling=handling_in(self._fleet.member_logs) if self._fleet.members else None,
        )

    async def _load(self) -> None:
        headers = {"Authorization": f"Bearer {self._fleet.api_key}"}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        async with httpx.AsyncClient(
            base_url=self._fleet.ingest_url, headers=headers, limits=limits, trust_env=False
        ) as client:
            producers = Producers(client, self._ledger, self._plan, lambda: len(self._steady.seen), self._rng)
            killer = Killer(self._fleet, self._plan, self._progress, self._rng)
            async with asyncio.TaskGroup() as group:
                group.create_task(producers.run())
                group.create_task(killer.run())

    def _progress(self) -> float:
        return len(self._ledger.accepted) / self._plan.events

    async def _settle(self) -> frozenset[Any]:
        """Wait until the queue is empty, redrive what the DLQ holds, and return what it holds at the end."""
        known = self._fleet.settings
        async with opened(known, self._fleet.environ) as queues:
            await queues.quiet(self._plan.deadline_seconds)
            dead = await queues.dead_letters()
            self._dead_events = sum(map(len, dead))
            if dead:
                await self._fleet.run_command("dlq", "redrive", "--all")
                await queues.quiet(self._plan.deadline_seconds)
                dead = await queues.dead_letters()
        # The last commits become readable only after this.
        await asyncio.sleep(known.settle_ms / 1000 + _MARGIN_SECONDS)
        return frozenset(one for dead_letter in dead for one in dead_letter)

    async def _group_is_done(self) -> bool:
        """Return whether no event of any inbox is to be leased, or leased."""
        headers = {"Authorization": f"Bearer {self._fleet.api_key}"}
        async with httpx.AsyncClient(base_url=self._fleet.groups_url, headers=headers, trust_env=False) as client:
            for inbox in self._inboxes:
                answer = await client.get("/v1/groups", params={"inbox": inbox}, timeout=_ANSWER_SECONDS)
                [group] = answer.raise_for_status().json()["groups"] or [None]
                if group is None or any(group[name] != 0 for name in ("lag", "leased", "retries")):
                    return False
        return True

    def figures(self, evidence: Evidence) -> dict[str, int]:
        """Return all that was counted."""
        answers, services = self._ledger.answers, self._fleet.services
        places = positions_of(evidence.listed)
        followers = evidence.followers
        return {
            "accepted events": len(evidence.accepted),
            "accepted repeats of them": self._ledger.repeats,
            "POSTs answered 202": answers["202"],
            "POSTs answered 503": answers["503"],
            "POSTs cut off": answers["cut"],
            "POSTs given up": answers["timeout"],
            "worker kills": sum(worker.kills for worker in self._fleet.workers),
            "ingest kills": self._fleet.ingest.kills,
            "emulator stops": self._fleet.emulator.kills if self._fleet.emulator else 0,
            "kills of all processes at once": self._plan.machine_kills,
            "unexpected exits of processes": sum(service.unexpected_exits for service in services),
            "member kills": sum(member.kills for member in self._fleet.members),
            "kills of the groups": self._fleet.groups.kills,
            **_of_group(evidence.handling),
            "messages delivered again": _delivered_again(sorted(self._logs.glob("worker-*.log"))),
            "lives of the restarting follower": self._restarting.lives,
            "reads that failed": self._steady.failed_reads + self._restarting.failed_reads,
            "events redriven from the DLQ": self._dead_events,
            "in the DLQ": len(evidence.dead),
            "listed": len(places),
            "lost": len(evidence.accepted - places.keys() - evidence.dead),
            "listed twice": sum(len(at) > 1 for at in places.values()),
            **{
                f"missed by the {name} follower": len(places.keys() - one.seen.keys())
                for name, one in followers.items()
            },
            **{f"seen twice by the {name} follower": len(one.twice) for name, one in followers.items()},
        }


def _of_group(handling: Handling | None) -> dict[str, int]:
    if handling is None:
        return {}
    return {
        "leases": handling.leases,
        "leases lost before their ack": handling.lost,
        "handled by the group": len(handling.handled),
        "handled more than once": handling.twice,
        "in two live leases": len(handling.overlaps),
    }


async def read_all(url: str, api_key: str, inboxes: Sequence[str]) -> list[dict[str, Any]]:
    """Return what is listed in `inboxes`, each read from the beginning."""
    headers = {"Authorization": f"Bearer {api_key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        return [event for inbox in inboxes for event in await _read(client, inbox)]


async def _read(client: httpx.AsyncClient, inbox: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    params: dict[str, str | int] = {"inbox": inbox, "limit": _PAGE}
    more = True
    while more:
        answer = await client.get("/v1/inbox", params=params, timeout=_ANSWER_SECONDS)
        page = answer.raise_for_status().json()
        listed += page["events"]
        params["after"], more = page["next"], page["more"]
    return listed


def followed(follower: Follower) -> Followed:
    """Return the evidence of a follower."""
    return Followed(seen=follower.seen, falling=follower.falling, broken=follower.broken)


def _delivered_again(logs: Sequence[Path]) -> int:
    """Return how many handled deliveries were redeliveries, which the kills caused."""
    receives: Counter[bool] = Counter()
    for log in logs:
        for line in log.read_bytes().splitlines():
            if b'"receives"' in line and line.endswith(b"}"):
                receives[msgspec.json.decode(line)["receives"] > 1] += 1
    return receives[True]
