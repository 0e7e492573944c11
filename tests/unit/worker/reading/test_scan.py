"""Following an inbox over shards, with truncated queries and concurrent commits."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import position
from shared.model.errors import Unavailable
from shared.model.records import Place, QueryResult, StoredEvent
from worker.reading import scan

SETTLE_MS = 1000
START_MS = 1_800_000_000_000


class Item(NamedTuple):
    position: str
    committed_ms: int  # readable from then on
    shown: bool  # False: a tombstone, or expired
    type: str = "a"


class Shards:
    """A reader of `items`; every query takes some time, and may stop at any item."""

    def __init__(self, items: Sequence[Item], shards: int, luck: random.Random, most: int = 1000) -> None:
        self.items = sorted(items)
        self.count = shards
        self.luck = luck
        self.most = most  # items that a query evaluates
        self.now_ms = START_MS
        self.queries = 0

    async def shards(self, inbox: Place, before: str) -> int:
        assert inbox.position < before
        return self.count

    async def query(
        self,
        inbox: Place,
        *,
        shard: int,
        before: str,
        limit: int,
        types: Sequence[str] = (),
        newest_first: bool = False,
    ) -> QueryResult:
        assert not newest_first
        assert inbox.position < before
        self.queries += 1
        await asyncio.sleep(0)
        self.now_ms += self.luck.choice([0, 0, 1, 400])
        found = [
            item
            for item in self.items
            if inbox.position < item.position < before
            and position.shard_of(item.position, self.count) == shard
            and item.committed_ms <= self.now_ms
        ]
        size = self.luck.randint(1, min(limit, self.most))
        scanned = found[:size]
        stopped = len(scanned) == size  # also at the very end, as DynamoDB does
        shown = [item for item in scanned if item.shown and (not types or item.type in types)]
        return QueryResult(
            events=[stored(inbox, item) for item in shown],
            scanned_to=scanned[-1].position if stopped else shown[-1].position if shown else None,
            stopped_at=scanned[-1].position if stopped else None,
        )


def stored(inbox: Place, item: Item) -> StoredEvent:
    return StoredEvent(
        place=inbox._replace(position=item.position), type=item.type, body=b"{}", accepted_at=0, expires_at=0
    )


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    """Events of about two seconds around the start, each committed before it settles, many in one millisecond."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(-3, 3).map(lambda step: START_MS - SETTLE_MS + step * 150),
                st.integers(0, SETTLE_MS - 1),
                st.integers(0, 2**62 - 1),
                st.booleans(),
                st.sampled_from("ab"),
            ),
            max_size=60,
            unique_by=lambda row: (row[0], row[2]),
        )
    )
    return [Item(at(time_ms, number), time_ms + lag_ms, shown, kind) for time_ms, lag_ms, number, shown, kind in rows]


def at(time_ms: int, number: int) -> str:
    return position.from_bytes((int.from_bytes(position.to_bytes(position.floor_of(time_ms))) + number).to_bytes(16))


@settings(deadline=None, max_examples=300)
@given(
    items=items(),
    shards=st.integers(1, 5),
    limit=st.integers(1, 20),
    types=st.sampled_from([(), ("a",)]),
    most=st.sampled_from([1, 2, 1000]),
    seed=st.integers(0, 2**32),
)
def test_a_follower_sees_each_event_once_and_in_order(
    *, items: list[Item], shards: int, limit: int, types: tuple[str, ...], most: int, seed: int
) -> None:
    reader = Shards(items, shards, random.Random(seed), most)  # noqa: S311 - a replayable schedule
    seen = asyncio.run(follow(reader, limit, types))
    expected = [item.position for item in reader.items if item.shown and (not types or item.type in types)]
    assert seen == expected


async def follow(reader: Shards, limit: int, types: Sequence[str]) -> list[str]:
    """Read to the end as a consumer does, while the clock advances and events commit."""
    seen: list[str] = []
    place, quiet = Place("t", "i", position.FIRST), 0
    while quiet < 2:
        before = position.floor_of(reader.now_ms - SETTLE_MS)
        result = await scan.scan(reader, place, before=before, limit=limit, types=types)
        assert len(result.events) <= limit
        assert place.position <= result.end
        assert result.end == position.FIRST or any(item.position == result.end for item in reader.items)
        seen += [event.place.position for event in result.events]
        place = place._replace(position=result.end)
        reader.now_ms += 100
        quiet = quiet + 1 if not result.more and reader.now_ms > START_MS + 3 * SETTLE_MS else 0
    return seen


class Greedy(random.Random):
    """Lets every query evaluate as many items as permitted, instantly."""

    def randint(self, a: int, b: int) -> int:
        del a
        return b

    def choice(self, seq):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        return seq[0]


def settled(count: int, *, shown: bool = True) -> list[Item]:
    luck = random.Random(7)  # noqa: S311
    return [Item(at(START_MS + index, luck.getrandbits(62)), 0, shown) for index in range(count)]


async def one_page(reader: Shards, limit: int, types: Sequence[str] = ()) -> scan.ScanResult:
    before = position.floor_of(START_MS + 10**6)
    start = Place("t", "i", position.FIRST)
    return await scan.scan(reader, start, before=before, limit=limit, types=types)


async def test_a_page_is_full_if_there_are_enough_events() -> None:
    reader = Shards(settled(5000), 4, Greedy())
    result = await one_page(reader, 100)
    assert [event.place.position for event in result.events] == [item.position for item in reader.items[:100]]
    assert result.more
    assert result.end == reader.items[99].position
    assert reader.queries == 4  # one round


@pytest.mark.parametrize("shards", [1, 2, 3])
@pytest.mark.parametrize("limit", range(1, scan.MAX_ROUNDS + 1))
async def test_a_page_is_full_even_if_each_query_reads_one_item(shards: int, limit: int) -> None:
    reader = Shards(settled(100), shards, Greedy(), most=1)
    result = await one_page(reader, limit)
    assert [event.place.position for event in result.events] == [item.position for item in reader.items[:limit]]
    assert reader.queries <= shards * limit


async def test_a_page_ends_at_the_first_position_up_to_which_a_shard_was_not_read() -> None:
    class Slow(Shards):
        async def query(self, inbox: Place, **asked: Any) -> QueryResult:
            return await super().query(inbox, **asked | ({"limit": 1} if asked["shard"] == 0 else {}))

    reader = Slow(settled(100), 4, Greedy())
    of_slow_shard = [item.position for item in reader.items if position.shard_of(item.position, 4) == 0]
    read = [item.position for item in reader.items if item.position <= of_slow_shard[scan.MAX_ROUNDS - 1]]
    result = await one_page(reader, 100)
    assert [event.place.position for event in result.events] == read
    assert result.end == read[-1]
    assert result.more


def test_one_round_nearly_always_fills_a_page_and_requests_at_most_half_more() -> None:
    luck = random.Random(1)  # noqa: S311
    requested = scan.share(100, 4)
    assert 4 * requested <= 150
    pages = [Counter(luck.choices(range(4), k=100)) for _ in range(1000)]
    assert sum(max(page.values()) < requested for page in pages) >= 960


async def test_the_last_page_says_so() -> None:
    reader = Shards(settled(30), 4, Greedy())
    result = await one_page(reader, 100)
    assert len(result.events) == 30
    assert not result.more
    assert result.end == reader.items[-1].position
    assert reader.queries == 4


async def test_hidden_items_are_skipped_within_a_budget() -> None:
    reader = Shards(settled(9000, shown=False), 4, Greedy())
    result = await one_page(reader, 10)
    assert list(result.events) == []
    assert result.more
    assert result.end > reader.items[100].position
    assert reader.queries <= 4 * scan.MAX_ROUNDS


async def test_a_rare_type_is_found_behind_others() -> None:
    rows = [*settled(500), Item(at(START_MS + 500, 1), 0, shown=True, type="rare")]
    reader = Shards(rows, 4, Greedy())
    result = await one_page(reader, 10, ["rare"])
    assert [event.type for event in result.events] == ["rare"]


async def test_a_cursor_ahead_of_the_clock_does_not_change() -> None:
    reader = Shards([], 4, Greedy())
    ahead = at(START_MS + 5, 1)
    result = await scan.scan(reader, Place("t", "i", ahead), before=position.floor_of(START_MS), limit=10)
    assert result == scan.ScanResult(events=[], end=ahead, more=False)
    assert reader.queries == 0


@pytest.mark.parametrize(("size", "rounds"), [(1 << 20, 1), ((1 << 20) - 1, 2), (1 << 19, 2)])
async def test_no_further_round_after_the_byte_limit(size: int, rounds: int) -> None:
    class Heavy(Shards):
        async def query(self, inbox: Place, **asked: Any) -> QueryResult:
            answer = await super().query(inbox, **{**asked, "limit": 1})
            heavy = [
                StoredEvent(place=event.place, type="a", body=b"x" * size, accepted_at=0, expires_at=0)
                for event in answer.events
            ]
            return QueryResult(events=heavy, scanned_to=answer.scanned_to, stopped_at=answer.stopped_at)

    reader = Heavy(settled(100), 4, Greedy())
    result = await one_page(reader, 100)
    assert reader.queries == 4 * rounds
    assert result.more
    assert 1 <= len(result.events) <= 4 * rounds


async def test_one_failing_shard_fails_the_page_with_its_own_error() -> None:
    class Broken(Shards):
        async def query(self, inbox: Place, **asked: Any) -> QueryResult:
            if asked["shard"] == 2:
                raise Unavailable("down")
            return await super().query(inbox, **asked)

    with pytest.raises(Unavailable, match="down"):
        await one_page(Broken(settled(10), 4, Greedy()), 10)
