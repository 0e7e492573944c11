"""`python -m bench.many_clients`: 4,000 tenants that send one event each, and 5,000 long polls past which events go.

Both run in this process, without HTTP: the publisher against a queue that takes 10 ms a call, the polls on a store in
memory. A poll has one of 20 filters, none of which selects the 100 events that are stored.
"""

import asyncio
import time
from collections.abc import Sequence

import click
import uvloop
from msgspec import Raw

from ingest.publisher import Publisher
from shared.clock import SystemClock
from shared.memory.bodies import MemoryBodies
from shared.memory.event_store import MemoryStore
from shared.memory.queue import MemoryQueue
from shared.model.event import Event
from shared.model.position import Minter
from shared.model.records import Outcome, Place, StoredEvent
from shared.ports import Outgoing
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.inbox.reader import Inbox, PageRequest

_TENANTS = 4_000
_CALL_SECONDS = 0.01
_SECONDS = 4.0
_POLLS = 5_000
_FILTERS = 20
_EVENTS = 100
_WAIT_SECONDS = 15
_ROUNDS = 5


class _SlowQueue(MemoryQueue):
    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        await asyncio.sleep(_CALL_SECONDS)
        return [Outcome.DONE] * len(messages)


async def events_per_second() -> float:
    """Return how many events are confirmed in a second, of tenants that each send one after the other."""
    clock = SystemClock()
    publisher = Publisher(_SlowQueue(clock), Settings(), clock, Metrics())
    event = Event(receipt="r", id="1", source="/", inbox="default", type="t", body=Raw(b'{"id":"1"}'))
    end = time.monotonic() + _SECONDS
    sent = 0

    async def send(tenant: str) -> None:
        nonlocal sent
        while time.monotonic() < end:
            await publisher.publish(tenant, "k", [event])
            sent += 1

    async with asyncio.TaskGroup() as group:
        for number in range(_TENANTS):
            group.create_task(send(f"t{number}"))
    await publisher.aclose()
    return sent / _SECONDS


async def longest_stall_ms() -> float:
    """Return how long the event loop was busy at most while events were stored that end no poll."""
    clock = SystemClock()
    store = MemoryStore(clock)
    inbox = Inbox(store, MemoryBodies(), clock, Settings())
    requests = [PageRequest("t", "default", types=(f"x{number % _FILTERS}.*",)) for number in range(_POLLS)]
    polls = [asyncio.create_task(inbox.read(request, wait_seconds=_WAIT_SECONDS)) for request in requests]
    await asyncio.sleep(2)  # all of them wait
    minter = Minter(clock)
    places = [Place("t", "default", minter.mint()) for _ in range(_EVENTS)]
    await store.insert_events(
        [StoredEvent(place=place, type="y", body=b"{}", accepted_at=0, expires_at=1 << 33) for place in places]
    )
    longest, last = 0.0, time.monotonic()
    end = last + 2.5  # the events settle after one second
    while last < end:
        await asyncio.sleep(0.001)
        now = time.monotonic()
        longest, last = max(longest, now - last - 0.001), now
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    await inbox.aclose()
    return longest * 1000


async def main() -> None:
    """Measure both, and print the median, the least and the most."""
    rates = sorted([await events_per_second() for _ in range(_ROUNDS)])
    click.echo(f"{_TENANTS:,} tenants: {rates[_ROUNDS // 2]:,.0f} events/s ({rates[0]:,.0f}..{rates[-1]:,.0f})")
    stalls = sorted([await longest_stall_ms() for _ in range(_ROUNDS)])
    click.echo(f"{_POLLS:,} polls: {stalls[_ROUNDS // 2]:.1f} ms at a time ({stalls[0]:.1f}..{stalls[-1]:.1f})")


if __name__ == "__main__":
    uvloop.run(main())
