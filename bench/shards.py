"""Shards: a page and a poll with one shard and with four, and how soon 1,000 watched inboxes are answered.

Runs the inbox in this process, without HTTP, against a stub of AWS whose answers take some milliseconds.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from bench.processes import StubServer, stub_aws
from bench.results import percentile
from shared.aws.clients import AwsClients
from shared.aws.event_reader import DynamoReader
from shared.aws.items import record_item
from shared.clock import SystemClock
from shared.layouts import Layouts
from shared.memory.bodies import MemoryBodies
from shared.memory.layout_store import MemoryLayoutStore
from shared.model.layout import InboxName, Layout
from shared.model.position import FIRST, Minter, time_of
from shared.model.records import Place, StoredEvent
from shared.settings import Settings
from worker.inbox.reader import Inbox, Page, PageRequest

TENANT = "bench"
_PAGE, _EVENTS = 100, 2_000
_CALL_MS = 7
_WATCHED = 1_000
_ROUNDS = 5
_PAGES, _POLLS = 200, 200
_BODY = b'{"specversion":"1.0","id":"e","source":"/","type":"t","data":"%b"}' % (b"x" * 900)


def shards(console: Console, samples: int) -> None:
    """Print what pages and polls cost, and the delays of `samples` events, each in one of 1,000 watched inboxes."""
    with stub_aws() as aws:
        os.environ.update(aws.environment())
        costs = Table(f"CPU and queries, {_ROUNDS} rounds", "one shard", "four shards", "ratio of CPU")
        for what, measure in (("a page of 100", _pages), ("a poll of an idle inbox", _polls)):
            rounds = [[uvloop.run(measure(aws, count)) for count in (1, 4)] for _ in range(_ROUNDS)]
            one, four = (sorted(side)[_ROUNDS // 2] for side in zip(*rounds, strict=True))
            texts = [f"{cpu:.0f} µs, {queries:.1f}" for cpu, queries in (one, four)]
            costs.add_row(what, *texts, f"{one[0] / four[0]:.2f}")
        console.print(costs)
        delays = Table("1,000 watched inboxes", "p50, ms", "p99, ms", "worst, ms", "CPU of a core")
        for early in (False, True):
            late, cpu = uvloop.run(_watch(aws, samples, early=early))
            times = (percentile(late, 50), percentile(late, 99), late[-1])
            name = "stored to answered, early" if early else "readable to answered"
            delays.add_row(name, *(f"{value:.0f}" for value in times), f"{cpu:.0%}")
        console.print(delays)


class _Rig:
    def __init__(self, inbox: Inbox, aws: StubServer, layout: Layout) -> None:
        self.inbox = inbox
        self._aws = aws
        self._layout = layout
        self._minter = Minter(SystemClock())

    def store(self, inbox: str, count: int = 1) -> list[str]:
        """Store events, and forget what was counted; return their positions."""
        places = [Place(TENANT, inbox, self._minter.mint()) for _ in range(count)]
        self._aws.setup(items=[self._item(place) for place in places], delay_ms=_CALL_MS)
        return [place.position for place in places]

    def queries(self) -> int:
        """Return how many queries were made since events were stored last."""
        return self._aws.counts().get("Query", 0)

    def _item(self, place: Place) -> Mapping[str, Any]:
        event = StoredEvent(place=place, type="t", body=_BODY, accepted_at=0, expires_at=1 << 33)
        item = record_item(event, self._layout)
        return {"pk": item["pk"]["S"], "sk": item["sk"]["S"], "item": item}


@asynccontextmanager
async def _rig(aws: StubServer, shards: int) -> AsyncIterator[_Rig]:
    clock, settings = SystemClock(), Settings()
    store = MemoryLayoutStore(clock)
    store.layout = Layout().scaled(InboxName(TENANT, "default"), shards, 0)
    layouts = Layouts(store, clock, skew_ms=0)
    async with AwsClients(settings).dynamodb() as client:
        reader = DynamoReader(client, settings.dynamodb_table_events, layouts, clock)
        inbox = Inbox(reader, MemoryBodies(), clock, settings)
        yield _Rig(inbox, aws, store.layout)
        await inbox.aclose()


async def _cost(rig: _Rig, count: int, call: Callable[[int], Awaitable[object]]) -> tuple[float, float]:
    """Return microseconds of CPU and queries of one call, of `count` calls, ten at a time."""
    await call(0)
    rig.store("warm")
    before = time.process_time()
    for start in range(0, count, 10):
        await asyncio.gather(*(call(start + number) for number in range(10)))
    return (time.process_time() - before) / count * 1e6, rig.queries() / count


async def _pages(aws: StubServer, shards: int) -> tuple[float, float]:
    async with _rig(aws, shards) as rig:
        positions = rig.store("default", _EVENTS)
        await asyncio.sleep(1.2)  # until they have settled

        async def page(number: int) -> Page:
            # Each page begins elsewhere, or they would share one read.
            found = await rig.inbox.page(TENANT, "default", positions[number], _PAGE)
            if len(found.events) != _PAGE:
                raise RuntimeError(f"a page of {len(found.events)}")
            return found

        return await _cost(rig, _PAGES, page)


async def _polls(aws: StubServer, shards: int) -> tuple[float, float]:
    async with _rig(aws, shards) as rig:
        start = rig.store("default")[0]
        place = Place(TENANT, "default", start)
        return await _cost(rig, _POLLS, lambda _: rig.inbox._long_polls.poll(place))  # noqa: SLF001


async def _watch(aws: StubServer, samples: int, *, early: bool) -> tuple[list[float], float]:
    """Return how late requests were answered, in order, and the share of a core that this process used."""
    settle_ms = Settings().settle_ms
    async with _rig(aws, 1) as rig:
        waits = [asyncio.create_task(_wait(rig.inbox, f"i{number}", early=early)) for number in range(_WATCHED)]
        await asyncio.sleep(5)
        late: list[float] = []
        began, cpu = time.monotonic(), time.process_time()
        for number in random.sample(range(_WATCHED), samples):
            [position] = await asyncio.to_thread(rig.store, f"i{number}")
            answered_ms = await waits[number]
            late.append(answered_ms - time_of(position) - (0 if early else settle_ms))
        used = (time.process_time() - cpu) / (time.monotonic() - began)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        return sorted(late), used


async def _wait(inbox: Inbox, name: str, *, early: bool) -> float:
    request = PageRequest(TENANT, name, early=early)
    while True:
        page = await inbox.read(request, 20, key_id=name)
        if page.events:
            return time.time() * 1000
        request = request._replace(after=page.end or FIRST, returned=page.returned)
