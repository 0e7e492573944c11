"""The latency of first reads, and the other metrics of an inbox."""

import asyncio

from shared.telemetry.catalog import Metrics
from tests.counted import counted
from tests.fakes.waiting import until
from tests.unit.worker.inbox.reading import Bench
from worker.inbox.metrics import MAX_MARKS, FirstReads
from worker.inbox.reader import PageRequest

SECONDS = "first_read_latency_seconds"


async def test_an_event_counts_only_when_it_is_first_returned() -> None:
    bench = Bench()
    await bench.put(b'{"id":"old"}')
    first = await bench.page()
    bench.clock.advance(10)
    await bench.put(b'{"id":"new"}', age_ms=5000)
    assert counted(bench.metrics, SECONDS) == {}  # "old" was stored before the first read
    for after in (None, first.end, None):
        await bench.page(after)
    assert counted(bench.metrics, SECONDS) == {SECONDS: 1}
    assert counted(bench.metrics, "inbox_page", "inbox_reads") == {"inbox_page_events": 4, "inbox_reads_total made": 4}
    assert sum(bench.metrics.page_events.of().sums) == 1 + 2 + 1 + 2


async def test_an_event_beyond_a_full_page_counts_with_the_next_page() -> None:
    bench = Bench()
    page = await bench.page()
    bench.clock.advance(10)
    for _ in range(3):
        await bench.put(b'{"id":"new"}', age_ms=5000)
    page = await bench.page(page.end, limit=2)
    assert counted(bench.metrics, SECONDS) == {SECONDS: 2}
    await bench.page(page.end)
    assert counted(bench.metrics, SECONDS) == {SECONDS: 3}


async def test_an_event_that_an_early_read_returned_does_not_count_again_once_it_has_settled() -> None:
    bench = Bench()
    await bench.page()
    bench.clock.advance(10)
    await bench.put(b'{"id":"new"}', age_ms=10)
    await bench.inbox.read(PageRequest("t", "orders", limit=100, early=True))
    assert counted(bench.metrics, SECONDS) == {SECONDS: 1}
    bench.clock.advance(10)
    assert len((await bench.page()).events) == 1
    assert counted(bench.metrics, SECONDS) == {SECONDS: 1}


async def test_reading_the_newest_or_the_delivered_does_not_count() -> None:
    bench = Bench()
    await bench.page()
    bench.clock.advance(10)
    await bench.put(b'{"id":"new"}', age_ms=5000)
    await bench.store.insert_events([bench.event(b'{"id":"acked"}', delivered_at=1)])
    for request in (PageRequest("t", "orders", newest_first=True), PageRequest("t", "orders", delivered=True)):
        assert len((await bench.inbox.read(request)).events) == 1
    assert counted(bench.metrics, SECONDS) == {}


async def test_reads_that_share_a_page_are_counted_as_shared() -> None:
    bench = Bench()
    bench.store.unblocked.clear()
    reading = [asyncio.create_task(bench.page()) for _ in range(3)]
    await asyncio.sleep(0)
    bench.store.unblocked.set()
    await asyncio.gather(*reading)
    assert counted(bench.metrics, "inbox_reads") == {"inbox_reads_total made": 1, "inbox_reads_total shared": 2}


async def test_waiters_are_reported() -> None:
    bench = Bench()
    bench.clock.advance(10)
    waiting = [asyncio.create_task(bench.inbox.read(PageRequest("t", name), 20)) for name in ("a", "a", "b")]
    await until(lambda: counted(bench.metrics, "inbox_wa") == {"inbox_waiters": 3, "inbox_watched": 2})
    bench.inbox.stop_waiting()
    await asyncio.gather(*waiting)
    assert "inbox_waiters" not in counted(bench.metrics)
    await bench.inbox.aclose()


def test_the_oldest_mark_is_forgotten_above_the_limit() -> None:
    bench, metrics = Bench(), Metrics()
    reads = FirstReads(metrics, bench.clock)
    event = bench.event(b"{}")
    for inbox in range(MAX_MARKS + 1):
        reads.count(inbox, [], "", "")
    reads.count(0, [event], event.place.position, event.place.position)  # as if never read before
    assert counted(metrics) == {}
    reads.count(MAX_MARKS, [event], event.place.position, "")
    assert counted(metrics) == {SECONDS: 1}
