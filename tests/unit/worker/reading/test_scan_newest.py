"""The newest events over shards, however few items a query evaluates."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.model import position
from shared.model.records import Place, QueryResult
from tests.unit.worker.reading.test_scan import START_MS, Item, Shards, at, stored
from worker.reading.scan import MAX_ROUNDS, scan


class Backward(Shards):
    """A reader of `items` that finds some of them in each query, from the end."""

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
        assert newest_first
        self.queries += 1
        found = [
            item
            for item in reversed(self.items)
            if inbox.position < item.position < before and position.shard_of(item.position, self.count) == shard
        ]
        scanned = found[: self.luck.randint(max(1, limit - 2), limit)]
        stopped = len(scanned) > 0 and (len(scanned) < len(found) or self.luck.random() < 0.5)
        shown = [item for item in scanned if item.shown and (not types or item.type in types)]
        return QueryResult(
            events=[stored(inbox, item) for item in shown],
            scanned_to=None,
            stopped_at=scanned[-1].position if stopped else None,
        )


ITEMS = st.lists(
    st.builds(
        lambda time, number, shown, kind: Item(at(START_MS + time, number), 0, shown, kind),
        st.integers(0, 20),
        st.integers(0, 2**62 - 1),
        st.booleans(),
        st.sampled_from("ab"),
    ),
    max_size=60,
    unique_by=lambda item: item.position,
)


@given(
    items=ITEMS,
    shards=st.integers(1, 5),
    limit=st.integers(1, 20),
    types=st.sampled_from([(), ("a",)]),
    start_ms=st.integers(-1, 20),
    seed=st.integers(0, 2**32),
)
def test_the_newest_are_returned_newest_first_without_a_gap(
    *, items: list[Item], shards: int, limit: int, types: tuple[str, ...], start_ms: int, seed: int
) -> None:
    reader = Backward(items, shards, random.Random(seed))  # noqa: S311 - a replayable schedule
    start, before = at(START_MS + start_ms, 0), at(START_MS + 15, 0)
    found = asyncio.run(
        scan(
            reader,
            Place("t", "i", start),
            before=before,
            limit=limit,
            types=types,
            newest_first=True,
        )
    )
    expected = [
        item.position
        for item in reversed(reader.items)
        if start < item.position < before and item.shown and (not types or item.type in types)
    ]
    positions = [event.place.position for event in found.events]
    assert positions == expected[: len(positions)]
    # Each round requests more, so the rounds reach the end of these few.
    assert len(positions) == min(limit, len(expected))
    assert (found.end, found.more) == (start, False)
    assert reader.queries <= shards * MAX_ROUNDS


async def test_the_newest_end_where_a_shard_was_not_read_any_further() -> None:
    class Slow(Backward):
        async def query(self, inbox: Place, **asked: Any) -> QueryResult:
            return await super().query(inbox, **asked | ({"limit": 1} if asked["shard"] == 0 else {}))

    reader = Slow([Item(at(START_MS + number, number), 0, shown=True) for number in range(100)], 4, random.Random(1))  # noqa: S311
    of_slow_shard = [item.position for item in reversed(reader.items) if position.shard_of(item.position, 4) == 0]
    read = [item.position for item in reversed(reader.items) if item.position >= of_slow_shard[MAX_ROUNDS - 1]]
    start, before = Place("t", "i", position.FIRST), position.floor_of(START_MS + 10**6)
    found = await scan(reader, start, before=before, limit=100, newest_first=True)
    assert [event.place.position for event in found.events] == read


async def test_the_search_for_a_rare_type_is_limited() -> None:
    hidden = [Item(at(START_MS + number, number), 0, shown=False) for number in range(20_000)]
    reader = Backward([Item(at(START_MS - 5, 1), 0, shown=True), *hidden], 4, random.Random(1))  # noqa: S311
    start, before = Place("t", "i", position.FIRST), position.floor_of(START_MS + 10**6)
    found = await scan(reader, start, before=before, limit=10, newest_first=True)
    assert found.events == []
    assert reader.queries <= 4 * MAX_ROUNDS
