"""An inbox past one partition grows and shrinks, and its followers do not notice."""

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.simulation.growth import Growth, grow


@pytest.fixture(scope="module")
def growth() -> Iterator[Growth]:
    logging.disable(logging.CRITICAL)
    yield grow()
    logging.disable(logging.NOTSET)


def test_an_inbox_grows_to_eight_shards_and_shrinks_again(growth: Growth) -> None:
    assert [epoch.shards for epoch in growth.epochs] == [2, 4, 8, 4, 2, 1]
    assert growth.epochs[2].from_ms < 600  # seconds
    assert set(growth.shards_used()) == set(range(8))


@pytest.mark.parametrize("name", ["ordinary", "early", "old cursor"])
def test_each_follower_gets_each_event_once(growth: Growth, name: str) -> None:
    assert Counter(growth.followers[name].ids) == Counter(growth.accepted)
