"""Counting undelivered events."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.model.errors import Unavailable
from shared.model.position import FIRST
from shared.model.records import Count, Place
from tests.fakes.store import SHARDS
from tests.unit.worker.inbox.reading import SETTINGS, Bench
from worker.reading import counts


async def test_listed_events_are_counted(bench: Bench) -> None:
    for kind in ("a", "a", "b"):
        await bench.put(b"{}", kind=kind)
    await bench.put(b"{}", age_ms=SETTINGS.settle_ms)
    assert await bench.inbox.undelivered("t", "orders") == 3
    assert await bench.inbox.undelivered("t", "orders", ("a",)) == 2
    assert await bench.inbox.undelivered("t", "other") == 0
    assert await bench.inbox.undelivered("other", "orders") == 0


async def test_a_count_is_shared_and_cached(bench: Bench) -> None:
    assert await asyncio.gather(*(bench.inbox.undelivered("t", "orders") for _ in range(50))) == [0] * 50
    await bench.put(b"{}")
    bench.clock.advance((counts.REMEMBERED_MS - 1) / 1000)
    assert await bench.inbox.undelivered("t", "orders") == 0
    assert bench.store.counts == SHARDS
    bench.clock.advance(0.001)
    assert await bench.inbox.undelivered("t", "orders") == 1


async def test_concurrent_counts_of_different_inboxes_are_not_shared(bench: Bench) -> None:
    await bench.put(b"{}")
    inboxes = ("orders", "other")
    assert await asyncio.gather(*(bench.inbox.undelivered("t", inbox) for inbox in inboxes)) == [1, 0]


async def test_the_number_of_cached_counts_is_limited(bench: Bench) -> None:
    for number in range(1001):
        await bench.inbox.undelivered("t", f"{number}")
    before = bench.store.counts
    await bench.inbox.undelivered("t", "1")
    assert bench.store.counts == before
    await bench.inbox.undelivered("t", "0")
    assert bench.store.counts == before + SHARDS


async def test_of_too_many_cached_counts_the_oldest_is_removed(bench: Bench) -> None:
    for number in range(1000):
        await bench.inbox.undelivered("t", f"{number}")
    bench.clock.advance(counts.REMEMBERED_MS / 1000)
    await bench.inbox.undelivered("t", "0")  # counted again: the newest by now
    await bench.inbox.undelivered("t", "1000")
    before = bench.store.counts
    await bench.inbox.undelivered("t", "0")
    assert bench.store.counts == before


async def test_a_failed_count_is_not_cached(bench: Bench) -> None:
    bench.store.down = True
    with pytest.raises(Unavailable):
        await bench.inbox.undelivered("t", "orders")
    bench.store.down = False
    assert await bench.inbox.undelivered("t", "orders") == 0


async def test_closing_cancels_counts_in_progress(bench: Bench) -> None:
    bench.store.unblocked.clear()
    asking = asyncio.create_task(bench.inbox.undelivered("t", "orders"))
    await asyncio.sleep(0)
    await bench.inbox.aclose()
    with pytest.raises(asyncio.CancelledError):
        await asking


class Heaps:
    """The inbox `orders` of the tenant `t`: shards of `size` events each, of which one query counts at most `most`."""

    def __init__(self, size: int, most: int, shards: int = SHARDS) -> None:
        self.size = size
        self.most = most
        self.limits: list[int] = []  # of the queries
        self.seen: dict[int, int] = {}
        self._shards = shards

    async def shards(self, inbox: Place, before: str) -> int:
        assert inbox == Place("t", "orders", FIRST)
        assert inbox.position < before
        return self._shards

    async def count(self, inbox: Place, *, shard: int, before: str, limit: int, types: Sequence[str] = ()) -> Count:
        assert types == ()
        assert before > inbox.position
        self.limits.append(limit)
        seen = self.seen.get(shard, 0)
        counted = min(limit, self.most, self.size - seen)
        self.seen[shard] = seen + counted
        # At the very end too, if it has counted as many as it may: DynamoDB does so.
        return Count(events=counted, stopped_at=FIRST if counted == min(limit, self.most) else None)


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [
        (2500, 1000, 10_000),
        (2501, 1000, "10000+"),
        (1_000_000, 1_000_000, "10000+"),
        (1_000_000, 2000, "10000+"),
        (1_000_000, 3, "96+"),
    ],
)
async def test_counting_is_limited(bench: Bench, size: int, most: int, expected: int | str) -> None:
    heaps = Heaps(size, most)
    counting = counts.Counts(heaps, bench.clock, settle_ms=1000)  # type: ignore[arg-type] # it only counts
    assert await counting.undelivered("t", "orders", ()) == expected
    assert len(heaps.limits) <= 32


async def test_ten_thousand_are_counted_exactly_and_of_more_only_one(bench: Bench) -> None:
    for size, expected in ((10_000, 10_000), (10_001, "10000+")):
        heaps = Heaps(size, most=5000, shards=1)
        counting = counts.Counts(heaps, bench.clock, settle_ms=1000)  # type: ignore[arg-type] # it only counts
        assert await counting.undelivered("t", "orders", ()) == expected
        assert heaps.limits == [10_001, 5001, 1]
