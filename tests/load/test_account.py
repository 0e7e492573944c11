"""The evaluation of measurements."""

import asyncio
import os
from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.events import identity_of
from tests.load.__main__ import show
from tests.load.memory import Memory, processes, resident_mib, windows_of
from tests.load.plan import Plan
from tests.load.run import Report, percentiles
from tests.load.timing import Times


@pytest.mark.parametrize(
    ("values", "found"),
    [([], (0, 0, 0)), ([3.0], (3, 3, 3)), ([float(n) for n in range(200)], (100, 198, 199))],
)
def test_percentiles(values: list[float], found: tuple[float, float, float]) -> None:
    assert percentiles(values) == found


def test_memory_is_compared_between_the_minute_after_warm_up_and_the_last() -> None:
    warming = [(float(second), 10.0) for second in range(60)]
    first = [(float(second), 20.0) for second in range(60, 121)]
    later = [(float(second), 100.0) for second in range(121, 540)]
    last = [(float(second), 30.0) for second in range(540, 601)]
    assert windows_of([*warming, *first, *later, *last]) == (20, 30, 100)


def test_one_sample_is_all_there_is() -> None:
    assert windows_of([(5.0, 7.0)]) == (7, 7, 7)


def test_this_process_holds_something_and_is_no_part_of_a_stack() -> None:
    assert resident_mib(os.getpid()) > 1
    assert processes(Path("/nowhere")) == {}


async def test_a_process_that_is_not_there_is_not_sampled() -> None:
    memory = Memory(Path("/nowhere"))
    sampling = asyncio.create_task(memory.run())
    await asyncio.sleep(0)
    sampling.cancel()
    assert memory.windows() == {}


def test_a_delay_is_from_the_first_202_to_the_first_sight() -> None:
    times = Times()
    for number in (0, 0, 1):
        times.accept(identity_of(number))
    for number in (0, 0, 2):
        times.see(identity_of(number))
    assert (times.repeats, times.seen) == (1, 2)
    of_the_accepted, of_one_whose_202_never_came = times.delays
    assert of_the_accepted >= 0
    assert of_one_whose_202_never_came == 0


def test_a_plan_has_as_many_events_as_its_rate_makes() -> None:
    plan = Plan(seconds=3, rate=2.5)
    assert (plan.events, plan.load.events, plan.load.producers) == (8, 8, 100)


@pytest.mark.parametrize("violations", [{}, {"lost": ["chaos-0000/left#event-000001"]}])
def test_a_report_says_whether_every_promise_was_kept(violations: dict[str, list[str]]) -> None:
    console = Console(record=True, width=100, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    with console.file:
        report = Report(
            figures={"lost": 1234},
            times={"POST": (0.001, 0.5, 2)},
            memory={"api": (100, 110, 120)},
            violations=violations,
        )
        show(report, console)
    text = console.export_text()
    assert "1,234" in text
    assert "2,000" in text
    assert "1.10" in text
    assert ("Every promise was kept." in text) == (not violations)
    assert ("lost: 1: chaos-0000/left#event-000001" in text) == bool(violations)
