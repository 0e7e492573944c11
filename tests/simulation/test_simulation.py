"""Thousands of runs of the real core under faults, and a check that they detect planted bugs."""

import pytest

from shared.clock import Clock
from tests.simulation.bugs import BUGS, is_caught
from tests.simulation.profiles import PROFILES
from tests.simulation.run import Report, simulate
from tests.simulation.seeds import simulate_all
from tests.simulation.sqlite_store import OrderedMemoryStore, SimulatedSqliteStore

SEEDS = [range(200), pytest.param(range(200, 2_000), marks=pytest.mark.slow)]
SQLITE_SEEDS = [range(200), pytest.param(range(200, 400), marks=pytest.mark.slow)]
MAX_SEEDS_PER_BUG = 1_500


def _on_sqlite(seed: int) -> Report:
    stores: list[SimulatedSqliteStore] = []

    def make(clock: Clock) -> SimulatedSqliteStore:
        stores.append(SimulatedSqliteStore(clock))
        return stores[-1]

    try:
        return simulate(seed, make)
    finally:
        for store in stores:
            store.close()


def _failed(report: Report) -> str:
    return f"seed {report.seed} ({report.profile}): {'; '.join(report.violations)}"


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_no_seed_breaks_a_guarantee(seeds: range) -> None:
    reports = simulate_all(simulate, seeds)

    assert [_failed(report) for report in reports if report.violations] == []
    assert {report.profile for report in reports} == {profile.name for profile in PROFILES}


@pytest.mark.parametrize("seeds", SQLITE_SEEDS, ids=str)
def test_no_seed_breaks_a_guarantee_on_sqlite(seeds: range) -> None:
    reports = simulate_all(_on_sqlite, seeds)

    assert [_failed(report) for report in reports if report.violations] == []
    assert {report.profile for report in reports} == {profile.name for profile in PROFILES}


def test_sqlite_and_memory_behave_the_same() -> None:
    for seed in range(50):
        assert _on_sqlite(seed) == simulate(seed, OrderedMemoryStore)


def test_a_seed_is_reproducible() -> None:
    assert simulate(7) == simulate(7)


@pytest.mark.parametrize("bug", BUGS.parameters())
def test_a_planted_bug_is_caught(bug: str) -> None:
    assert any(is_caught(bug, seed) for seed in range(MAX_SEEDS_PER_BUG))
