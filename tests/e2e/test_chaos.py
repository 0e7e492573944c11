"""A small run of `script/chaos`: real processes, killed under load."""

from pathlib import Path

import pytest

from cli.local import emulator
from tests.chaos.plan import Plan
from tests.chaos.promises import summary
from tests.chaos.run import chaos

pytestmark = pytest.mark.slow


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    try:
        emulator.command()
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    return tmp_path / "chaos"


async def test_killed_processes_lose_nothing_and_repeat_nothing(directory: Path) -> None:
    plan = Plan(
        events=300,
        outstanding=60,
        worker_kills=2,
        ingest_kills=1,
        emulator_stops=0,
        members=2,
        member_kills=3,
        groups_kills=1,
        deadline_seconds=300,
    )
    report = await chaos(plan, directory)
    figures = report.figures
    assert not report.violations, summary(report.violations)
    assert (figures["accepted events"], figures["listed"] + figures["in the DLQ"]) == (301, 301)
    assert figures["accepted repeats of them"] >= plan.burst - 1
    assert (figures["worker kills"], figures["ingest kills"]) == (2, 1)
