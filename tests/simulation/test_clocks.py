"""Thousands of runs with clocks that are wrong, and a check that they detect planted bugs."""

import pytest

from tests.simulation.bugs_in_clocks import CLOCK_BUGS
from tests.simulation.clocks import simulate
from tests.simulation.seeds import simulate_all

SEEDS = [range(200), pytest.param(range(200, 2_000), marks=pytest.mark.slow)]
UNGUARDED_SEEDS = 50
MAX_SEEDS_PER_BUG = 1_500


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_no_wrong_clock_breaks_a_guarantee(seeds: range) -> None:
    reports = simulate_all(simulate, seeds)

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
