"""Pages: their bytes, their bounds, and shared reads."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from shared.compression import compress
from shared.model import position
from shared.model.errors import Unavailable
from tests.fakes.clock import START_MS
from tests.fakes.store import SHARDS
from tests.unit.worker.inbox.reading import SETTINGS, Bench
from worker.inbox.reader import Page, PageRequest
from worker.reading import contents

HARD = rb'{"specversion":"1.0","id":"\ud800","data":{"b":1e999,"a":[1.0,1.00],"a":"' + "\uffff\u2028é".encode() + b'"}}'


async def test_a_body_is_returned_byte_for_byte_with_its_place_appended(bench: Bench) -> None:
    place = await bench.put(HARD)
    page = await bench.page()
    received = b"2027-01-15T07:59:54.993Z"
    assert list(page.events) == [
        HARD[:-1] + b',"inbox":"orders","receivedat":"%b","position":"%b"}' % (received, place.encode())
    ]
    assert page.end == place
    assert not page.more


async def test_compressed_and_offloaded_bodies_are_restored(bench: Bench) -> None:
    plain = b'{"specversion":"1.0","data":"' + b"x" * 5000 + b'"}'
    frame = compress(plain)
    assert len(frame) < len(plain)
    await bench.put(frame)
    for index in range(20):
        await bench.bodies.put(f"k{index}", frame if index % 2 else plain)
        await bench.put(b"", key=f"k{index}")
    page = await bench.page()
    assert len(page.events) == 21
    assert all(event.startswith(plain[:-1] + b',"inbox"') for event in page.events)


async def test_an_event_whose_body_is_missing_does_not_block_its_inbox(bench: Bench) -> None:
    place = await bench.put(b"", key="gone")
    page = await bench.page()
    assert msgspec.json.decode(page.events[0])["dataerror"] == "missing"
    assert page.end == place


async def test_events_are_returned_after_settle(bench: Bench) -> None:
    old = await bench.put(HARD, age_ms=SETTINGS.settle_ms + 1)
    young = await bench.put(HARD, age_ms=SETTINGS.settle_ms)
    page = await bench.page()
    assert page.end == old
    assert not page.more
    bench.clock.advance(0.001)
    assert (await bench.page(page.end)).end == young


async def test_an_unknown_inbox_is_an_empty_page_at_the_beginning(bench: Bench) -> None:
    before = position.floor_of(START_MS - SETTINGS.settle_ms)
    assert await bench.page() == Page(events=[], end=position.FIRST, more=False, before=before)


async def test_the_size_of_a_page_is_limited(bench: Bench) -> None:
    body = b'{"specversion":"1.0","data":"' + b"x" * 500_000 + b'"}'
    places = [await bench.put(compress(body)) for _ in range(20)]
    before = position.floor_of(START_MS - SETTINGS.settle_ms)
    seen: list[str] = []
    page = await bench.page()
    while page.events:
        assert sum(map(len, page.events)) <= contents.MAX_PAGE_BYTES
        seen += [msgspec.json.decode(event)["position"] for event in page.events]
        assert (page.end, page.last, page.before) == (seen[-1], seen[-1], before)
        assert page.more == (len(seen) < 20)
        page = await bench.page(page.end)
    assert seen == places


@pytest.mark.parametrize(("larger", "fit"), [(0, 2), (1, 1)])
async def test_events_fill_a_page_to_the_last_byte(bench: Bench, larger: int, fit: int) -> None:
    await bench.put(b"{}")
    added = len((await bench.page()).events[0]) - 2
    for size in (1_000_000, contents.MAX_PAGE_BYTES - 1_000_000 - 2 * added + larger):
        await bench.bodies.put(f"{size}", b'{"":"' + b"x" * (size - 7) + b'"}')
        await bench.put(b"", key=f"{size}")
    page = await bench.page((await bench.page(limit=1)).end)
    assert (len(page.events), page.more) == (fit, fit < 2)


async def test_other_requests_proceed_while_a_large_page_is_assembled(bench: Bench) -> None:
    await bench.store.insert_events([bench.event(b"{}") for _ in range(500)])
    iterations = 0

    async def count() -> None:
        nonlocal iterations
        while True:
            await asyncio.sleep(0)
            iterations += 1

    async def iterations_for(events: int) -> int:
        before = iterations
        assert len((await bench.page(limit=events)).events) == events
        return iterations - before

    other = asyncio.create_task(count())
    await bench.page()  # the first read of a process may take more
    of_small_page = await iterations_for(50)
    assert 5 <= await iterations_for(500) - of_small_page < 10  # one after every hundred events
    other.cancel()


async def test_an_event_larger_than_the_limit_is_a_page(bench: Bench) -> None:
    await bench.bodies.put("k", b'{"data":"' + b"x" * contents.MAX_PAGE_BYTES + b'"}')
    place = await bench.put(b"", key="k")
    page = await bench.page()
    assert len(page.events) == 1
    assert page.end == place


async def test_only_requested_types_are_returned(bench: Bench) -> None:
    for kind in ("order.paid", "order.sent", "refund"):
        await bench.put(b'{"type":"%b"}' % kind.encode(), kind=kind)
    page = await bench.page(types=["order.*"])
    assert [msgspec.json.decode(event)["type"] for event in page.events] == ["order.paid", "order.sent"]


async def test_the_newest_come_first_on_request(bench: Bench) -> None:
    for number in range(30):
        await bench.put(b'{"id":"%d"}' % number, kind="b" if number % 3 else "a")
    young = await bench.put(b'{"id":"young"}', age_ms=SETTINGS.settle_ms)
    page = await bench.inbox.read(PageRequest("t", "orders", limit=4, types=("a",), newest_first=True))
    assert [msgspec.json.decode(event)["id"] for event in page.events] == ["27", "24", "21", "18"]
    assert not page.more
    assert (await bench.inbox.read(PageRequest("t", "orders", after=young, newest_first=True))).events == []


def test_a_page_without_foreign_positions_ends_at_none_of_them_and_never_goes_back() -> None:
    [first, second, foreign] = [f"{position.floor_of(START_MS)[:19]}8000-00000000000{number}" for number in (1, 2, 3)]
    page = Page(events=[], end=foreign, more=False, before=position.floor_of(START_MS + 1))
    assert page.without_foreign_positions(position.FIRST).end == position.blurred(foreign) < first
    assert page.without_foreign_positions(first).end == first
    assert replace(page, last=second).without_foreign_positions(first).end == second
    assert replace(page, last=foreign).without_foreign_positions(first).end == foreign


async def test_delivered_events_are_listed_separately(bench: Bench) -> None:
    await bench.put(b'{"id":"1"}')
    acked = bench.event(b'{"id":"2"}', delivered_at=START_MS - 1)
    await bench.store.insert_events([acked])
    page = await bench.inbox.read(PageRequest("t", "orders", delivered=True))
    (event,) = page.events
    assert event.endswith(b'"position":"%b","deliveredat":"2027-01-15T07:59:59.999Z"}' % acked.place.position.encode())
    assert len((await bench.page()).events) == 1


async def test_equal_requests_share_one_read(bench: Bench) -> None:
    await bench.put(HARD)
    pages = await asyncio.gather(*(bench.page() for _ in range(50)))
    assert bench.store.queries == SHARDS
    assert all(page is pages[0] for page in pages)


async def test_different_requests_do_not_share_a_read(bench: Bench) -> None:
    await asyncio.gather(
        bench.page(), bench.page(limit=5), bench.page(types=["a"]), bench.inbox.page("other", "orders", None, 100)
    )
    assert bench.store.queries == 4 * SHARDS


async def test_a_canceled_request_does_not_end_the_shared_read(bench: Bench) -> None:
    await bench.put(HARD)
    bench.store.unblocked.clear()
    first, second = (asyncio.create_task(bench.page()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    bench.store.unblocked.set()
    assert len((await second).events) == 1
    assert bench.store.queries == SHARDS


async def test_a_failed_read_fails_only_the_requests_that_share_it(bench: Bench) -> None:
    bench.store.down = True
    answers = await asyncio.gather(bench.page(), bench.page(), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    bench.store.down = False
    assert not (await bench.page()).more


async def test_what_was_not_used_can_be_closed(bench: Bench) -> None:
    await bench.inbox.aclose()


async def test_closing_cancels_reads_in_progress(bench: Bench) -> None:
    await bench.inbox.ready()
    bench.store.unblocked.clear()
    poller = asyncio.create_task(bench.page())
    await asyncio.sleep(0)
    await bench.inbox.aclose()
    with pytest.raises(asyncio.CancelledError):
        await poller
