"""Thousands of runs with clocks that are wrong, and a check that they detect planted bugs."""

import logging
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.simulation.bugs_in_clocks import CLOCK_BUGS
from tests.simulation.clocks import simulate

SEEDS = 2_000
UNGUARDED_SEEDS = 20
MAX_SEEDS_PER_BUG = 1_500


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Disable the logs of simulated processes."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def _untraced() -> None:
    """Disable coverage, which doubles the time."""
    sys.settrace(None)
    logging.disable()


def test_no_wrong_clock_breaks_a_guarantee() -> None:
    with ProcessPoolExecutor(os.cpu_count(), initializer=_untraced) as pool:
        reports = list(pool.map(simulate, range(SEEDS), chunksize=20))

    assert [f"seed {one.seed}: {'; '.join(one.violations)}" for one in reports if one.violations] == []


def test_without_comparing_clocks_most_seeds_do() -> None:
    broken = [seed for seed in range(UNGUARDED_SEEDS) if simulate(seed, guarded=False).violations]

    assert len(broken) > UNGUARDED_SEEDS / 3


def test_a_seed_is_reproducible() -> None:
    assert simulate(7) == simulate(7)


@pytest.mark.parametrize("bug", CLOCK_BUGS)
def test_a_planted_bug_is_caught(bug: str) -> None:
    with CLOCK_BUGS.planted(bug):
        assert any(simulate(seed).violations for seed in range(MAX_SEEDS_PER_BUG))
