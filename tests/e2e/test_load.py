"""A small run of `script/load`."""

import pytest

from tests.chaos.promises import summary
from tests.e2e.local import Local
from tests.load.plan import Plan
from tests.load.run import load, stack

pytestmark = pytest.mark.slow


def test_a_load_is_listed_once_and_its_processes_are_watched(local: Local) -> None:
    plan = Plan(seconds=2, producers=5, pollers=4, rate=125)
    with stack(local.data, local.data) as same:
        assert same.url == local.url
    report = load(plan, local)
    assert not report.violations, summary(report.violations)
    assert (report.figures["accepted events"], report.figures["listed"]) == (250, 250)
    assert report.memory.keys() == {"worker", "api"}
    assert all(first > 1 for first, _, _ in report.memory.values())
    assert all(0 < p50 <= p99 <= longest for p50, p99, longest in report.times.values())
