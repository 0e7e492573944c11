"""Thousands of runs of consumer groups under faults, and a check that they detect planted bugs."""

from functools import partial

import pytest

from shared.sqlite import group_store
from shared.sqlite.group_store import SqliteGroupStore
from tests.simulation.groups.bugs import BUGS
from tests.simulation.groups.run import Report, simulate
from tests.simulation.profiles import CALL_PROFILES
from tests.simulation.seeds import simulate_all
from tests.simulation.sqlite_store import InlineDatabase

SEEDS = [range(200), pytest.param(range(200, 2_000), marks=pytest.mark.slow)]
SQLITE_SEEDS = 200
MAX_SEEDS_PER_BUG = 1_000


def _on_sqlite(seed: int) -> Report:
    database = InlineDatabase(group_store.MIGRATIONS)
    try:
        return simulate(seed, partial(SqliteGroupStore, database))
    finally:
        database.connection.close()


def _failed(report: Report) -> str:
    return f"seed {report.seed} ({report.profile}): {'; '.join(report.violations)}"


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_no_seed_breaks_a_guarantee(seeds: range) -> None:
    reports = simulate_all(simulate, seeds)

    assert [_failed(report) for report in reports if report.violations] == []
    assert {report.profile for report in reports} == {profile.name for profile in CALL_PROFILES}
    assert sum(report.repeated for report in reports) > len(seeds)
    assert sum(report.quarantined for report in reports) > len(seeds)


def test_no_seed_breaks_a_guarantee_on_sqlite() -> None:
    for seed in range(SQLITE_SEEDS):
        assert _on_sqlite(seed) == simulate(seed)


@pytest.mark.parametrize("bug", BUGS.parameters())
def test_a_planted_bug_is_caught(bug: str) -> None:
    with BUGS.planted(bug):
        assert any(simulate(seed).violations for seed in range(MAX_SEEDS_PER_BUG))
