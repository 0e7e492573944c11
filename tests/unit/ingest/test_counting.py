"""The metrics of ingest."""

import asyncio

import pytest

from shared.model.errors import Unavailable
from shared.model.records import Outcome
from shared.settings import Settings
from tests.counted import counted
from tests.fakes.waiting import until
from tests.unit.ingest.publishing import Make
from tests.unit.ingest.serving import World

EVENT = b'{"type":"a"}'


async def test_events_are_counted_once_they_are_accepted(world: World) -> None:
    await world.post(EVENT)
    await world.post(b"[%b,%b]" % (EVENT, EVENT))
    await world.post(b"{}")
    world.queue.down = True
    await world.post(EVENT)
    assert counted(world.metrics, "events_accepted", "ingest_packs_failed") == {
        "events_accepted_total": 3,
        "ingest_packs_failed_total": 1,
    }


async def test_posts_in_progress_and_past_the_limit_are_counted() -> None:
    async with World(Settings(max_posts=20)).serving() as world:
        await world.post(EVENT)  # the key is now cached
        world.queue.unblocked.clear()
        posts = [asyncio.create_task(world.post(EVENT)) for _ in range(11)]
        await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        assert counted(world.metrics, "ingest_posts", "ingest_shed", "ingest_buffer_events") == {
            "ingest_posts_under_way": 10,
            "ingest_shed_total posts": 1,
            "ingest_buffer_events": 10,
        }
        world.queue.unblocked.set()
        await asyncio.gather(*posts)
        assert counted(world.metrics, "ingest_posts", "ingest_buffer") == {}


async def test_calls_are_counted_by_packs_and_events_and_the_buffer_by_its_contents(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    waiting = [world.post("a", "b"), world.post("c", tenant="u")]
    await until(lambda: counted(world.metrics, "ingest_buffer_events") == {"ingest_buffer_events": 4})
    assert world.metrics.buffer_bytes.of().read()
    world.queue.unblocked.set()
    await asyncio.gather(*waiting)
    packs, events = world.metrics.send_packs.of(), world.metrics.send_events.of()
    assert (sum(packs.counts), sum(packs.sums)) == (2, 3)
    assert (sum(events.counts), sum(events.sums)) == (2, 4)
    assert sum(world.metrics.send_seconds.of().counts) == 2
    assert counted(world.metrics, "ingest_buffer", "ingest_packs_failed") == {}


async def test_packs_that_were_not_confirmed_are_counted(make: Make) -> None:
    world = make()
    world.queue.outcome = lambda _: Outcome.UNCLEAR
    with pytest.raises(Unavailable):
        await world.post("a")
    world.queue.error = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await world.post("b")
    assert counted(world.metrics, "ingest_packs_failed") == {"ingest_packs_failed_total": 2}


async def test_requests_past_the_buffer_are_counted(make: Make) -> None:
    world = make(queue_sends=1, buffer_events=1000)
    await world.occupy()
    with pytest.raises(Unavailable, match="full"):
        await world.post(*(str(number) for number in range(1000)))
    assert counted(world.metrics, "ingest_shed") == {"ingest_shed_total buffer": 1}
