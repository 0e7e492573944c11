"""Overload ends with the load that caused it, and planted bugs for which it does not are found."""

import pytest
from msgspec.structs import replace

from tests.simulation.bugs_under_pressure import PRESSURE_BUGS
from tests.simulation.pressure import BACKLOG_STAYS, SCENARIOS, Scenario, overload


def short(scenario: Scenario) -> Scenario:
    """The same load on partitions that take a quarter, for some seconds instead of minutes."""
    return replace(
        scenario,
        units_per_second=250,
        workers=max(1, scenario.workers // 4),
        calm_seconds=5,
        burst_seconds=5,
        drain_seconds=120,
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_inbox_is_stored_at_full_rate_as_soon_as_the_load_falls(scenario: Scenario) -> None:
    assert overload(short(scenario)).faults == []


def test_a_seed_is_reproducible() -> None:
    scenario = replace(short(SCENARIOS[0]), drain_seconds=10)
    assert overload(scenario, 7) == overload(scenario, 7)


@pytest.mark.parametrize("bug", PRESSURE_BUGS.parameters())
def test_a_planted_bug_is_caught(bug: str) -> None:
    with PRESSURE_BUGS.planted(bug):
        assert any(faults_in_seconds(scenario) for scenario in SCENARIOS)


def faults_in_seconds(scenario: Scenario) -> set[str]:
    """Return the faults that show in the first seconds after the burst."""
    return set(overload(replace(short(scenario), drain_seconds=12)).faults) - {BACKLOG_STAYS}
