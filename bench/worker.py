"""The worker: CPU time per event, of packs and of the plain build's messages of one event each.

Per CPU second, not per second: the worker waits for the stub, which has the other core but takes time
to answer.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import lru_cache

import msgspec

from bench import payloads
from bench.builds import TENANT, Stage
from bench.plain_event import Event
from bench.plan import Plan
from bench.processes import Server
from bench.results import Row, alternate, row
from ingest.formats.json import RequestDefaults, read_json
from shared.clock import SystemClock
from shared.containers import batches
from shared.model import pack as packs
from shared.model.event import Event as Packed
from shared.model.pack import EventPack
from shared.model.position import Minter

_EVENTS = 8000
_START_SECONDS = 20


def worker(plan: Plan) -> Iterator[Row]:
    """Compare events per CPU second."""
    stage = plan.stage
    plain = plain_messages(1000)
    sizes = [100] if plan.quick else [100, 10, 1]
    sides = {str(size): events_per_cpu_second(plan, stage.worker, packed_messages(size)) for size in sizes}
    sides["plain"] = events_per_cpu_second(plan, stage.plain_worker, plain)
    measured = alternate(sides, plan.rounds, "events/CPU-s")
    theirs = measured["plain"]
    yield row("worker", "events a CPU second, packs of 100, vs plain", ours=measured["100"], theirs=theirs, goal=40)
    for size in sizes[1:]:
        yield row("worker", f"the same, packs of {size}", ours=measured[str(size)], theirs=theirs)


@lru_cache
def packed_messages(size: int) -> list[str]:
    """Return message bodies as ingest makes them: packs of `size` events, all different."""
    minter = Minter(SystemClock())
    terms = RequestDefaults(mint=minter.mint, time="2026-11-22T12:00:00.000Z")
    events: list[Packed] = [read_json(event, terms).events[0] for event in payloads.events(_EVENTS)]
    now_ms = time.time_ns() // 1_000_000
    return [
        packs.encode(EventPack(tenant=TENANT, key_id="bench", accepted_at=now_ms, events=some))
        for some in batches(events, size)
    ]


def plain_messages(count: int) -> list[str]:
    """Return message bodies as the plain ingest makes them."""
    return [Event(**msgspec.json.decode(event)).model_dump_json() for event in payloads.events(count)]


def events_per_cpu_second(
    plan: Plan, start: Callable[[], AbstractContextManager[Server]], bodies: list[str]
) -> Callable[[], float]:
    """Return a measurement of a worker that stores the events of `bodies`."""

    def measure() -> float:
        plan.stage.aws.setup(bodies=bodies, repeat=True)
        with start() as server:
            _until_it_writes(plan.stage)
            time.sleep(plan.warm_seconds)
            before, cpu_before = _stored(plan.stage), server.cpu_seconds()
            time.sleep(plan.seconds)
            return (_stored(plan.stage) - before) / (server.cpu_seconds() - cpu_before)

    return measure


def _until_it_writes(stage: Stage) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while _stored(stage) < 1 and time.monotonic() < deadline:
        time.sleep(0.1)


def _stored(stage: Stage) -> float:
    """Return how many events have been written so far, at two writes each, without the worker's own first write."""
    return (stage.aws.counts().get("writes", 0) - 1) / 2
