"""Early reads: what is returned before it has settled, and what the next read skips."""

import msgspec
import pytest

from shared.model import cursor
from shared.model.cursor import MAX_RETURNED, Cursor, Returned
from shared.model.position import FIRST, floor_of, time_of
from shared.model.records import Place, StoredEvent
from tests.unit.worker.inbox.reading import SETTINGS, Bench
from worker.inbox.early import KEPT_MS, ReturnedEvents, Unsettled, UnsettledReader
from worker.inbox.reader import Page, PageRequest
from worker.reading.contents import MAX_PAGE_BYTES, Contents


class Follower:
    """Follows the inbox with early reads; `ids` are those returned so far."""

    def __init__(self, bench: Bench, limit: int = 100) -> None:
        self._bench = bench
        self.request = PageRequest("t", "orders", limit=limit, early=True)
        self.ids: list[str] = []

    async def read(self) -> Page:
        page = await self._bench.inbox.read(self.request)
        self.request = self.request._replace(after=page.end, returned=page.returned)
        self.ids += [msgspec.json.decode(event)["id"] for event in page.events]
        return page


def body(id_: str) -> bytes:
    return msgspec.json.encode({"specversion": "1.0", "id": id_, "source": "/", "type": "a"})


async def test_an_event_is_returned_once_before_it_has_settled(bench: Bench) -> None:
    follower = Follower(bench)
    settled = await bench.put(body("settled"))
    await bench.put(body("new"), age_ms=1)
    page = await follower.read()
    assert (follower.ids, page.end, len(page.returned)) == (["settled", "new"], settled, 1)
    assert not page.more
    for _ in range(3):
        await follower.read()
        bench.clock.advance(SETTINGS.settle_ms / 1000)
    assert follower.ids == ["settled", "new"]


async def test_an_event_stored_behind_a_returned_one_is_not_missed(bench: Bench) -> None:
    follower = Follower(bench)
    slow = bench.event(body("slow"), age_ms=20)
    await bench.put(body("fast"), age_ms=10)
    await follower.read()
    await bench.store.insert_events([slow])
    await follower.read()
    assert follower.ids == ["fast", "slow"]


async def test_an_event_is_kept_until_the_cursor_has_passed_it_however_long_ago_it_settled(bench: Bench) -> None:
    follower = Follower(bench, limit=1)
    behind = [bench.event(body(str(number)), age_ms=20) for number in range(2)]
    await bench.put(body("early"), age_ms=10)
    await follower.read()
    await bench.store.insert_events(behind)
    bench.clock.advance((SETTINGS.settle_ms + KEPT_MS + 1000) / 1000)
    for _ in range(3):
        await follower.read()
    assert follower.ids == ["early", "0", "1"]


async def test_an_event_that_moves_is_not_returned_again(bench: Bench) -> None:
    follower = Follower(bench)
    before = bench.event(body("moves"), age_ms=10)
    await bench.store.insert_events([before])
    await follower.read()
    bench.clock.advance((SETTINGS.settle_ms + KEPT_MS - 100) / 1000)
    after = msgspec.structs.replace(bench.event(body("moves"), age_ms=0), accepted_at=before.accepted_at)
    await bench.store.remove_events([before.place])
    await bench.store.insert_events([after])
    page = await follower.read()
    # It is remembered at the position where it was met: otherwise it would be forgotten before it has settled there.
    assert page.returned[0].time_ms == time_of(after.place.position)
    bench.clock.advance((SETTINGS.settle_ms - 50) / 1000)
    await follower.read()
    bench.clock.advance(1)
    await follower.read()
    assert follower.ids == ["moves"]


async def test_an_id_that_is_accepted_again_is_another_event(bench: Bench) -> None:
    follower = Follower(bench)
    first = bench.event(body("same"), age_ms=10)
    await bench.store.insert_events([first])
    await follower.read()
    again = msgspec.structs.replace(bench.event(body("same"), age_ms=1), accepted_at=first.accepted_at + 1)
    await bench.store.insert_events([again])
    await follower.read()
    assert follower.ids == ["same", "same"]


async def test_with_a_full_cursor_further_events_wait_until_they_settle(bench: Bench) -> None:
    follower = Follower(bench)
    for number in range(MAX_RETURNED + 10):
        await bench.put(body(str(number)), age_ms=10)
    page = await follower.read()
    assert (len(page.events), page.more) == (MAX_RETURNED, False)
    page = await follower.read()
    assert (len(page.events), page.unsettled) == (0, None)
    bench.clock.advance(SETTINGS.settle_ms / 1000)
    await follower.read()
    assert follower.ids == [str(number) for number in range(MAX_RETURNED + 10)]


async def test_a_cursor_holds_what_was_returned(bench: Bench) -> None:
    await bench.put(body("new"), age_ms=10)
    page = await Follower(bench).read()
    assert len(page.returned) == 1
    encoded = cursor.encode(page.end, "orders", page.returned)
    assert cursor.decode(encoded, "orders") == Cursor(page.end, page.returned)


async def test_only_requested_types_are_returned_early(bench: Bench) -> None:
    follower = Follower(bench)
    follower.request = follower.request._replace(types=("a",))
    await bench.put(body("1"), kind="a", age_ms=10)
    await bench.put(body("2"), kind="b", age_ms=10)
    await follower.read()
    assert follower.ids == ["1"]


async def test_an_early_read_that_finds_nothing_is_complete(bench: Bench) -> None:
    page = await Follower(bench).read()
    before = floor_of(bench.clock.wall_ms() - SETTINGS.settle_ms)
    assert page == Page(events=[], end=FIRST, more=False, before=before, unsettled=frozenset())
    assert page.more is False


async def test_settled_and_unsettled_events_share_the_limit_of_a_page(bench: Bench) -> None:
    follower = Follower(bench, limit=3)
    for number in range(5):
        await bench.put(body(str(number)), age_ms=5000 if number < 2 else 10)
    page = await follower.read()
    assert (follower.ids, page.more) == (["0", "1", "2"], True)
    page = await follower.read()
    assert (follower.ids, page.more) == (list("01234"), False)


@pytest.mark.parametrize(("free", "added", "is_cut"), [(3, 3, False), (2.9, 2, True), (2, 2, True), (0.9, 0, True)])
async def test_unsettled_events_share_the_bytes_of_a_page(
    bench: Bench, free: float, added: int, *, is_cut: bool
) -> None:
    for number in range(3):
        await bench.put(body(str(number)), age_ms=10)
    size = len((await Follower(bench).read()).events[0])
    found = await unsettled(bench, page_bytes=MAX_PAGE_BYTES - int(free * size))
    assert (len(found.added), len(found.contents), found.is_cut) == (added, added, is_cut)


async def test_an_unsettled_event_larger_than_the_limit_is_a_page(bench: Bench) -> None:
    for _ in range(2):
        await bench.put(b'{"data":"' + b"x" * MAX_PAGE_BYTES + b'"}', age_ms=10)
    found = await unsettled(bench, page_bytes=0)
    assert (len(found.added), found.is_cut) == (1, True)


async def unsettled(bench: Bench, *, page_bytes: int) -> Unsettled:
    reader = UnsettledReader(bench.store, Contents(bench.store, bench.bodies), bench.clock)
    return await reader.read(Place("t", "orders", FIRST), ReturnedEvents([]), limit=9, page_bytes=page_bytes, types=())


async def test_a_page_of_unsettled_events_is_limited(bench: Bench) -> None:
    follower = Follower(bench, limit=3)
    for number in range(5):
        await bench.put(body(str(number)), age_ms=10)
    assert (await follower.read()).more
    assert not (await follower.read()).more
    assert follower.ids == list("01234")


async def test_an_ordinary_read_skips_what_its_cursor_contains(bench: Bench) -> None:
    follower = Follower(bench)
    await bench.put(body("a"), age_ms=10)
    await follower.read()
    follower.request = follower.request._replace(early=False)
    await bench.put(body("b"), age_ms=5)
    assert not (await follower.read()).events  # neither has settled
    bench.clock.advance(SETTINGS.settle_ms / 1000)
    await follower.read()
    assert follower.ids == ["a", "b"]


async def test_what_is_acked_before_it_settles_leaves_the_cursor(bench: Bench) -> None:
    follower = Follower(bench)
    event = bench.event(body("a"), age_ms=10)
    await bench.store.insert_events([event])
    await follower.read()
    await bench.store.remove_events([event.place])
    assert len((await follower.read()).returned) == 1
    bench.clock.advance((SETTINGS.settle_ms + KEPT_MS) / 1000)
    assert (await follower.read()).returned == ()


async def test_a_bound_that_goes_back_returns_nothing_twice(bench: Bench) -> None:
    follower = Follower(bench)
    await bench.put(body("a"), age_ms=SETTINGS.settle_ms + 1)
    await follower.read()
    bench.clock.offset_ms -= 20  # another process, whose clock is behind
    await follower.read()
    assert follower.ids == ["a"]


async def test_bodies_that_are_not_cloudevents_are_returned_once(bench: Bench) -> None:
    await bench.put(b'{"data":1}', age_ms=10)
    page = await bench.inbox.read(PageRequest("t", "orders", early=True))
    assert len(page.events) == 1
    next_page = await bench.inbox.read(PageRequest("t", "orders", early=True, after=page.end, returned=page.returned))
    assert next_page.events == []


@pytest.mark.parametrize(("limit", "kept"), [(8, [50, 49, 15, 10]), (3, [50, 49, 15])])
def test_what_has_not_settled_is_kept_and_the_rest_as_far_as_there_is_room(limit: int, kept: list[int]) -> None:
    given = [Returned(1_000_000 + 1000 * second, bytes([second] * 8)) for second in (3, 10, 49, 15, 50)]
    events = ReturnedEvents(given, limit)
    passed_ms = 1_000_000 + 15_000
    assert events.room_above(passed_ms) == limit - 3
    assert [(event.time_ms - 1_000_000) // 1000 for event in events.kept(passed_ms)] == kept


def test_an_event_is_recognized_by_source_id_and_time_of_acceptance(bench: Bench) -> None:
    def event(accepted_at: int) -> StoredEvent:
        return msgspec.structs.replace(bench.event(body("a")), accepted_at=accepted_at)

    events = ReturnedEvents([])
    events.add(event(1), body("a"))
    assert events.meet(event(1), body("a"))
    assert not events.meet(event(2), body("a"))
    assert not events.meet(event(1), body("b"))
