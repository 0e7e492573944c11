"""Pages: their bytes, their bounds, and reads that pollers share."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from shared import bodies, position
from shared.clock import SystemClock
from shared.errors import Unavailable
from shared.memory import MemoryBodies, MemoryStore
from shared.position import Minter
from shared.records import Place, Slice, StoredEvent
from shared.settings import Settings
from worker import inbox as module
from worker.inbox import Inbox, Page

NOW_MS = 1_800_000_000_000
SETTINGS = Settings()


class Clock(SystemClock):
    """A wall clock that is moved by hand."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def wall_ms(self) -> int:
        return self.now_ms


class Slow(MemoryStore):
    """A store whose answers wait for `open`; counts its queries."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.open = asyncio.Event()
        self.open.set()
        self.queries = 0
        self.fails = False

    async def query(
        self,
        inbox: Place,
        *,
        shard: int,
        before: str,
        limit: int,
        types: Sequence[str] = (),
        newest_first: bool = False,
    ) -> Slice:
        self.queries += 1
        await self.open.wait()
        if self.fails:
            raise Unavailable("the table is gone")
        return await super().query(
            inbox, shard=shard, before=before, limit=limit, types=types, newest_first=newest_first
        )


class Bench:
    """An inbox over memory, and a way to put events into it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = Slow(self.clock)
        self.bodies = MemoryBodies()
        self.inbox = Inbox(self.store, self.bodies, self.clock, SETTINGS)
        self.minter = Minter(self.clock)

    async def put(self, body: bytes, *, kind: str = "a", key: str | None = None, age_ms: int = 5000) -> str:
        self.clock.now_ms -= age_ms
        place = Place("t", "orders", self.minter.mint())
        self.clock.now_ms += age_ms
        event = StoredEvent(
            place=place,
            type=kind,
            body=b"" if key else body,
            accepted_at=NOW_MS - age_ms - 7,
            expires_at=NOW_MS // 1000 + 1000,
            body_key=key,
        )
        await self.store.insert_events([event])
        return place.position

    async def page(self, after: str | None = None, limit: int = 100, types: Sequence[str] = ()) -> Page:
        return await self.inbox.page("t", "orders", after, limit, types)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


HARD = rb'{"specversion":"1.0","id":"\ud800","data":{"b":1e999,"a":[1.0,1.00],"a":"' + "\uffff\u2028é".encode() + b'"}}'


async def test_a_body_is_handed_out_byte_for_byte_with_its_place_behind(bench: Bench) -> None:
    place = await bench.put(HARD)
    page = await bench.page()
    received = b"2027-01-15T07:59:54.993Z"
    assert list(page.events) == [
        HARD[:-1] + b',"inbox":"orders","receivedat":"%b","position":"%b"}' % (received, place.encode())
    ]
    assert page.end == place
    assert not page.more


async def test_compressed_and_bucketed_bodies_are_put_back(bench: Bench) -> None:
    plain = b'{"specversion":"1.0","data":"' + b"x" * 5000 + b'"}'
    frame = bodies.compress(plain)
    assert len(frame) < len(plain)
    await bench.put(frame)
    for index in range(20):
        await bench.bodies.put(f"k{index}", frame if index % 2 else plain)
        await bench.put(b"", key=f"k{index}")
    page = await bench.page()
    assert len(page.events) == 21
    assert all(event.startswith(plain[:-1] + b',"inbox"') for event in page.events)


async def test_an_event_whose_body_is_gone_or_broken_locks_nobody_out(bench: Bench) -> None:
    await bench.put(b"", key="gone")
    await bench.put(bodies.compress(b"x" * 1000)[:-4])
    await bench.put(b'{"specversion":"1.0","id":"ok"}')
    last = await bench.put(b"", key="gone too")
    page = await bench.page()
    assert [msgspec.json.decode(event)["id"] for event in page.events] == ["ok"]
    assert page.end == last


async def test_what_has_not_settled_waits(bench: Bench) -> None:
    old = await bench.put(HARD, age_ms=SETTINGS.settle_ms + 1)
    young = await bench.put(HARD, age_ms=SETTINGS.settle_ms)
    page = await bench.page()
    assert page.end == old
    assert not page.more
    bench.clock.now_ms += 1
    assert (await bench.page(page.end)).end == young


async def test_an_unknown_inbox_is_an_empty_page_at_the_beginning(bench: Bench) -> None:
    assert await bench.page() == Page(events=[], end=position.FIRST, more=False)


async def test_a_page_ends_before_it_grows_too_big(bench: Bench) -> None:
    body = b'{"specversion":"1.0","data":"' + b"x" * 500_000 + b'"}'
    places = [await bench.put(bodies.compress(body)) for _ in range(20)]
    seen: list[str] = []
    page = await bench.page()
    while page.events:
        assert sum(map(len, page.events)) <= module.MAX_PAGE_BYTES
        seen += [msgspec.json.decode(event)["position"] for event in page.events]
        assert page.end == seen[-1]
        assert page.more == (len(seen) < 20)
        page = await bench.page(page.end)
    assert seen == places


async def test_one_event_bigger_than_a_page_is_a_page(bench: Bench) -> None:
    await bench.bodies.put("k", b'{"data":"' + b"x" * module.MAX_PAGE_BYTES + b'"}')
    place = await bench.put(b"", key="k")
    page = await bench.page()
    assert len(page.events) == 1
    assert page.end == place


async def test_only_the_types_asked_for(bench: Bench) -> None:
    for kind in ("order.paid", "order.sent", "refund"):
        await bench.put(b'{"type":"%b"}' % kind.encode(), kind=kind)
    page = await bench.page(types=["order.*"])
    assert [msgspec.json.decode(event)["type"] for event in page.events] == ["order.paid", "order.sent"]


async def test_pollers_that_ask_the_same_share_one_read(bench: Bench) -> None:
    await bench.put(HARD)
    pages = await asyncio.gather(*(bench.page() for _ in range(50)))
    assert bench.store.queries == SETTINGS.inbox_shards
    assert all(page is pages[0] for page in pages)


async def test_pollers_that_ask_otherwise_read_for_themselves(bench: Bench) -> None:
    await asyncio.gather(
        bench.page(), bench.page(limit=5), bench.page(types=["a"]), bench.inbox.page("other", "orders", None, 100)
    )
    assert bench.store.queries == 4 * SETTINGS.inbox_shards


async def test_a_poller_that_leaves_does_not_end_the_read_of_the_others(bench: Bench) -> None:
    await bench.put(HARD)
    bench.store.open.clear()
    first, second = (asyncio.create_task(bench.page()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    bench.store.open.set()
    assert len((await second).events) == 1
    assert bench.store.queries == SETTINGS.inbox_shards


async def test_a_failed_read_fails_all_who_share_it_and_nobody_after(bench: Bench) -> None:
    bench.store.fails = True
    answers = await asyncio.gather(bench.page(), bench.page(), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    bench.store.fails = False
    assert not (await bench.page()).more


async def test_closing_ends_reads_under_way(bench: Bench) -> None:
    await bench.inbox.ready()
    bench.store.open.clear()
    poller = asyncio.create_task(bench.page())
    await asyncio.sleep(0)
    await bench.inbox.aclose()
    with pytest.raises(asyncio.CancelledError):
        await poller
