"""Put load on the embedded stack for minutes, then check every promise: `script/load --help`."""

import random
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.chaos.promises import summary
from tests.load.plan import Plan
from tests.load.run import Report, load, stack

_console = Console()


@click.command()
@click.option("--seconds", default=600, show_default=True, type=click.IntRange(1), help="Duration of the posts.")
@click.option("--producers", default=100, show_default=True, type=click.IntRange(1), help="Concurrent producers.")
@click.option("--pollers", default=50, show_default=True, type=click.IntRange(2), help="Concurrent long polls.")
@click.option("--rate", default=50.0, show_default=True, type=click.FloatRange(1), help="Events per second, in total.")
@click.option("--data", type=click.Path(path_type=Path), help="Use the running script/server of this directory.")
@click.option("--seed", type=int, help="Choose as the run that printed this seed.  [default: random]")
def main(*, seconds: int, producers: int, pollers: int, rate: float, data: Path | None, seed: int | None) -> None:
    """Put load on a new stack, or on a running one; exit 1 if a promise is broken."""
    chosen = random.SystemRandom().randrange(2**32) if seed is None else seed
    plan = Plan(seconds=seconds, producers=producers, pollers=pollers, rate=rate, seed=chosen)
    _console.print(f"Seed {plan.seed}. {plan.events:,} events by {producers} producers, for {pollers} pollers.")
    with tempfile.TemporaryDirectory(prefix="triggers-load-") as directory, stack(data, Path(directory)) as local:
        _console.print(f"Running on {local.url}")
        report = load(plan, local)
    show(report, _console)
    if report.violations:
        raise SystemExit(1)


def show(report: Report, console: Console) -> None:
    """Print the results of a run."""
    counted = Table("what", "how many")
    for what, count in report.figures.items():
        counted.add_row(what, f"{count:,}")
    timed = Table("time, ms", "p50", "p99", "longest")
    for what, seconds in report.times.items():
        timed.add_row(what, *(f"{1000 * one:,.0f}" for one in seconds))
    resident = Table("memory, MiB", "first minute", "last", "most", "last / first")
    for name, (first, last, most) in report.memory.items():
        resident.add_row(name, *(f"{one:,.0f}" for one in (first, last, most)), f"{last / first:.2f}")
    for table in (counted, timed, resident):
        for column in table.columns[1:]:
            column.justify = "right"
        console.print(table)
    if report.violations:
        console.print(summary(report.violations), style="red", highlight=False)
    else:
        console.print("Every promise was kept.")


if __name__ == "__main__":
    main()
