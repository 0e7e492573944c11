"""`script/bench`: run the named benchmarks, or all."""

from collections.abc import Callable, Iterator, Mapping

import click
from rich.console import Console

from bench import chart, report
from bench.builds import staged
from bench.calls import calls
from bench.cost import cost, storage
from bench.freshness import freshness
from bench.groups import groups
from bench.inbox import inbox
from bench.ingest import ingest
from bench.latency import latency, overload
from bench.plan import Plan
from bench.postgres import postgres
from bench.process_count import process_count
from bench.results import Row
from bench.shards import shards
from bench.single_machine import single_machine
from bench.soak import soak
from bench.sources import sources
from bench.worker import worker

BENCHMARKS: Mapping[str, Callable[[Plan], Iterator[Row]]] = {
    "ingest": ingest,  # yields the memory rows, too
    "sources": sources,
    "worker": worker,
    "inbox": inbox,
    "latency": latency,
    "cost": cost,
    "storage": storage,
    "calls": calls,
    "overload": overload,
    "process-count": process_count,
    "postgres": postgres,
}
_ALIASES = {"memory": "ingest"}
_ALONE = ("soak", "single-machine", "freshness", "groups", "shards")
_LEAST_WIDTH = 150


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*BENCHMARKS, *_ALIASES, *_ALONE]))
@click.option("--quick", is_flag=True, help="One short round of each, within a minute; imprecise, not saved.")
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(1000), help="For soak.")
@click.option(
    "--backlog", default=100_000, show_default=True, type=click.IntRange(1000), help="For single-machine and groups."
)
@click.option("--samples", default=1_000, show_default=True, type=click.IntRange(10), help="For freshness.")
@click.option("--emulator-backlog", default=5_000, show_default=True, help="The same on the emulator; 0 skips it.")
def main(
    names: tuple[str, ...], *, quick: bool, events: int, backlog: int, emulator_backlog: int, samples: int
) -> None:
    """Compare Triggers with a plain build and a no-op, on this machine, in one run.

    Writes bench/results.json and bench/chart.svg, unless --quick. Takes about a quarter of an hour if no NAME is given.

    Five run only if named: soak sends a million events through the embedded server; single-machine measures its start,
    freshness, backlog and pages; freshness the time from a POST to a reader, with and without early reads; groups what
    leases cost, and how many there are in a second; shards what pages and polls cost, and 1,000 watched inboxes.
    """
    console = Console()
    console.width = max(console.width, _LEAST_WIDTH)
    if "soak" in names:
        soak(events, console)
        return
    if "single-machine" in names:
        single_machine(backlog, emulator_backlog, console)
        return
    if "groups" in names:
        groups(console, events=backlog)
        return
    if "shards" in names:
        shards(console, min(samples, 100))
        return
    if "freshness" in names:
        freshness(samples, console)
        return
    wanted = {_ALIASES.get(name, name) for name in names or BENCHMARKS}
    rows: list[Row] = []
    failed = False
    with staged() as stage:
        plan = Plan(stage=stage, quick=quick)
        for name, run in BENCHMARKS.items():
            if name not in wanted:
                continue
            try:
                with console.status(f"measuring: {name}"):
                    rows += run(plan)
            except RuntimeError as error:  # keep the results of the others
                failed = True
                console.print(f"{name} failed: {error}", style="red")
    report.show(console, rows)
    if rows and not quick:
        report.save(rows, quick=quick)
        chart.draw(report.load())
    raise SystemExit(failed)


if __name__ == "__main__":
    main(prog_name="script/bench")
