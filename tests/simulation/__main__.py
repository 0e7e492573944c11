"""Runs many seeds, replays one, or plants every bug: `script/simulate --help`."""

import gc
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.simulation import bugs as pipeline_bugs
from tests.simulation import bugs_in_clocks, clocks
from tests.simulation import run as pipeline
from tests.simulation.groups import bugs as group_bugs
from tests.simulation.groups import run as groups
from tests.simulation.planting import Bugs
from tests.simulation.pressure import SCENARIOS, Figures, overload
from tests.simulation.profiles import PROFILES, profile_named

_CHUNK = 50
_REPORT_EVERY = 10_000
_OBJECTS_PER_COLLECTION = 100_000  # the objects of a run become garbage together, at its end
_console = Console()

Report = pipeline.Report | groups.Report
Simulate = Callable[[int], Report]


class _World(NamedTuple):
    simulate: Simulate
    bugs: Bugs


_WORLDS = {
    None: _World(pipeline.simulate, pipeline_bugs.BUGS),
    "groups": _World(groups.simulate, group_bugs.BUGS),
    "clocks": _World(clocks.simulate, bugs_in_clocks.CLOCK_BUGS),
}


@click.command()
@click.option("--seeds", default=100_000, show_default=True, help="How many seeds to run.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--seed", type=int, help="Replay one seed and print its report.")
@click.option("--profile", "name", help="Run every seed with this profile instead of all in turn.")
@click.option("--profiles", is_flag=True, help="List the profiles and their kinds of faults.")
@click.option("--bugs", is_flag=True, help="Plant each bug in turn and count the seeds that catch it.")
@click.option("--groups", "world", flag_value="groups", help="Simulate consumer groups instead of the pipeline.")
@click.option("--clocks", "world", flag_value="clocks", help="Simulate the pipeline with wrong clocks.")
@click.option("--pressure", is_flag=True, help="Overload an inbox, and measure what is stored after that.")
def main(
    seeds: int,
    first: int,
    seed: int | None,
    name: str | None,
    world: str | None,
    *,
    profiles: bool,
    bugs: bool,
    pressure: bool,
) -> None:
    """Simulate the pipeline under faults.

    Exit 1 if a promise is broken (with --bugs: if a bug is not caught; with --pressure: if a goal is missed).
    """
    if profiles:
        _list_profiles()
        return
    simulate = _WORLDS[world].simulate if name is None else _with_profile(name)
    if seed is not None:
        report = simulate(seed)
        _console.print(report)
        raise SystemExit(bool(report.violations))
    with ProcessPoolExecutor(os.cpu_count(), initializer=_prepare) as pool:
        if pressure:
            failed = _overload(pool)
        elif bugs:
            failed = _plant_all(pool, seeds, world)
        else:
            failed = _run(pool, simulate, range(first, first + seeds))
    raise SystemExit(failed)


def _with_profile(name: str) -> Simulate:
    try:
        return partial(pipeline.simulate, profile=profile_named(name))
    except KeyError:
        raise click.BadParameter(f"no profile {name!r}; --profiles lists them", param_hint="--profile") from None


def _list_profiles() -> None:
    table = Table("profile", "kinds of faults")
    for profile in PROFILES:
        table.add_row(profile.name, ", ".join(profile.switches))
    _console.print(table)


def _prepare() -> None:
    logging.disable(logging.CRITICAL)
    gc.set_threshold(_OBJECTS_PER_COLLECTION)


def _run(pool: ProcessPoolExecutor, simulate: Simulate, seeds: range) -> bool:
    started = time.monotonic()
    totals = _Totals()
    reports = pool.map(simulate, seeds, chunksize=_CHUNK)
    for report in track(reports, "Simulating", total=len(seeds), console=_console):
        totals.add(report)
        if totals.seeds % _REPORT_EVERY == 0:
            _console.print(f"{totals.seeds:,} seeds after {time.monotonic() - started:,.0f} s")
        if report.violations:
            _console.print(f"seed {report.seed} ({report.profile}): {report.violations}", style="red")
    totals.print(time.monotonic() - started)
    return totals.failed > 0


class _Totals:
    def __init__(self) -> None:
        self.failed = self.seeds = self.events = 0
        self._runs: Counter[str] = Counter()
        self._admitted: dict[str, Counter[str]] = {}
        self._faults: Counter[str] = Counter()

    def add(self, report: Report) -> None:
        self.seeds += 1
        self.failed += bool(report.violations)
        self.events += report.events
        self._runs[report.profile] += 1
        self._admitted.setdefault(report.profile, Counter()).update(report.admitted)
        self._faults.update(report.faults)

    def print(self, seconds: float) -> None:
        kinds = sorted({kind for admitted in self._admitted.values() for kind in admitted})
        table = Table("profile", "seeds", *kinds, title="Admitted, by kind of fault")
        for profile, runs in self._runs.items():
            table.add_row(profile, f"{runs:,}", *(f"{self._admitted[profile][kind]:,}" for kind in kinds))
        _console.print(table)
        _console.print("Faulty calls:", ", ".join(f"{kind} {times:,}" for kind, times in self._faults.most_common()))
        rate = self.seeds / seconds
        _console.print(
            f"{self.seeds:,} seeds, {self.events:,} events, {self.failed} seeds with violations, {rate:.1f} seeds/s"
        )


def _catches(bug: str, seed: int, world: str | None) -> bool:
    if world is None:
        return pipeline_bugs.is_caught(bug, seed)
    with _WORLDS[world].bugs.planted(bug):
        return bool(_WORLDS[world].simulate(seed).violations)


def _plant_all(pool: ProcessPoolExecutor, seeds: int, world: str | None) -> bool:
    table = Table("bug", f"caught in, of {seeds:,} seeds", "first")
    uncaught = False
    bugs = list(_WORLDS[world].bugs)
    for bug in track(bugs, "Planting", console=_console):
        catches = partial(_catches, bug, world=world)
        caught = list(_where(pool.map(catches, range(seeds), chunksize=_CHUNK)))
        table.add_row(bug, str(len(caught)), str(caught[0]) if caught else "-")
        uncaught = uncaught or not caught
    _console.print(table)
    return uncaught


def _overload(pool: ProcessPoolExecutor) -> bool:
    columns = ("scenario", "events/s: capacity", "in the burst", "just after", "at worst", "units/event", "drained", "")
    table = Table(*columns, title="Overload of one inbox")
    failed = False
    for found in track(pool.map(overload, SCENARIOS), "Overloading", total=len(SCENARIOS), console=_console):
        table.add_row(*_row(found))
        failed = failed or bool(found.faults)
    _console.print(table)
    return failed


def _row(found: Figures) -> Iterator[str]:
    rates = (found.capacity, found.stored_during, found.stored_at_once, found.stored_at_worst)
    yield found.name
    yield from (f"{rate:,.0f}" for rate in rates)
    yield f"{found.units_per_event:.2f}"
    yield "no" if found.drained_seconds is None else f"after {found.drained_seconds:.0f} s"
    yield ", ".join(found.faults)


def _where(flags: Iterable[bool]) -> Iterator[int]:
    return (index for index, flag in enumerate(flags) if flag)


if __name__ == "__main__":
    main()
