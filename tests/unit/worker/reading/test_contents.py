"""Contents of events, including those whose body is missing or broken."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from shared.compression import compress
from shared.memory.bodies import MemoryBodies
from shared.model.event import Event
from shared.model.records import StoredEvent
from tests.unit.worker.inbox.reading import Bench
from worker.reading.contents import Contents

EVENT = Event(receipt="r", id="é", source="/shop", inbox="orders", type="order.paid", body=msgspec.Raw(b"{}"))


async def contents(bench: Bench, *events: StoredEvent) -> list[dict[str, Any]]:
    finished = [finished async for _, finished in Contents(bench.store, bench.bodies).of(events)]
    return [msgspec.json.decode(event or b"{}") for event in finished]


async def test_a_missing_body_is_reported_on_its_event_only(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    whole = bench.event(b'{"specversion":"1.0","id":"ok"}')
    gone = bench.event(EVENT.without_data(), kind="order.paid", key="gone")
    kept = bench.event(EVENT.without_data(), key="kept")
    await bench.bodies.put("kept", b'{"specversion":"1.0","id":"kept"}')
    await bench.store.insert_events([whole, gone, kept])
    first, second, third = await contents(bench, whole, gone, kept)
    assert (first["id"], third["id"]) == ("ok", "kept")
    assert second == {
        "specversion": "1.0",
        "id": "é",
        "source": "/shop",
        "type": "order.paid",
        "dataerror": "missing",
        "inbox": "orders",
        "receivedat": "2027-01-15T07:59:54.993Z",
        "position": gone.place.position,
    }
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "the body of an event is missing"
    assert record.__dict__["place"] == gone.place


async def test_a_broken_body_is_reported_too(bench: Bench) -> None:
    inline = bench.event(compress(b"x" * 1000)[:-4], kind="t")
    offloaded = bench.event(EVENT.without_data(), key="k")
    await bench.bodies.put("k", inline.body)
    first, second = await contents(bench, inline, offloaded)
    assert (second["id"], second["source"], second["dataerror"]) == ("é", "/shop", "broken")
    assert first == {
        "specversion": "1.0",
        "id": inline.place.position,
        "source": "/orders",
        "type": "t",
        "dataerror": "broken",
        "inbox": "orders",
        "receivedat": "2027-01-15T07:59:54.993Z",
        "position": inline.place.position,
    }


async def test_an_event_without_any_body_has_its_position_as_its_id(bench: Bench) -> None:
    event = bench.event(b"", key="gone")
    await bench.store.insert_events([event])
    (found,) = await contents(bench, event)
    assert (found["id"], found["dataerror"]) == (event.place.position, "missing")


async def test_an_event_erased_since_it_was_read_is_omitted(bench: Bench) -> None:
    event = bench.event(EVENT.without_data(), key="gone")
    assert await contents(bench, event) == [{}]


async def test_an_event_that_was_moved_says_so(bench: Bench) -> None:
    event = bench.event(b'{"specversion":"1.0","id":"1"}')
    plain, moved = await contents(bench, event, msgspec.structs.replace(event, moved=True))
    assert moved == plain | {"possibleduplicate": True}


class Slow(MemoryBodies):
    """A bucket whose answers take some time; `most` is the largest number of concurrent gets."""

    def __init__(self) -> None:
        super().__init__()
        self.running = 0
        self.most = 0

    async def get(self, key: str) -> bytes:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        return await super().get(key)


async def test_eight_bodies_are_fetched_concurrently(bench: Bench) -> None:
    bench.bodies = Slow()
    await bench.bodies.put("k", b'{"id":"1"}')
    events = [bench.event(b"", key="k") for _ in range(20)]
    assert len(await contents(bench, *events)) == 20
    assert bench.bodies.most == 8
