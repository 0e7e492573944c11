"""Kill real processes under load, then check every promise: `script/chaos --help`."""

import asyncio
import random
import shutil
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.chaos.plan import Plan
from tests.chaos.promises import summary
from tests.chaos.run import Report, chaos

_console = Console()


@click.command()
@click.option("--events", default=20_000, show_default=True, type=click.IntRange(1), help="How many are accepted.")
@click.option("--worker-kills", default=24, show_default=True, type=click.IntRange(0), help="SIGKILLs of a worker.")
@click.option("--ingest-kills", default=6, show_default=True, type=click.IntRange(0), help="SIGKILLs of ingest.")
@click.option("--emulator-stops", default=1, show_default=True, type=click.IntRange(0), help="Stops of SQS, DynamoDB.")
@click.option("--machine-kills", default=0, show_default=True, type=click.IntRange(0), help="SIGKILLs of all at once.")
@click.option("--member-kills", default=60, show_default=True, type=click.IntRange(0), help="SIGKILLs of a member.")
@click.option("--groups-kills", default=6, show_default=True, type=click.IntRange(0), help="SIGKILLs of the groups.")
@click.option("--sqlite", is_flag=True, help="Run on SQLite; without it on the emulator.")
@click.option("--seed", type=int, help="Choose load and kills as the run that printed this seed.  [default: random]")
@click.option("--data", type=click.Path(path_type=Path), help="New directory for logs and state.  [default: temporary]")
def main(
    *,
    events: int,
    worker_kills: int,
    ingest_kills: int,
    emulator_stops: int,
    machine_kills: int,
    member_kills: int,
    groups_kills: int,
    sqlite: bool,
    seed: int | None,
    data: Path | None,
) -> None:
    """Kill processes by SIGKILL and stop the emulator, under load; exit 1 if a promise is broken."""
    plan = Plan(
        events=events,
        worker_kills=worker_kills,
        ingest_kills=ingest_kills,
        emulator_stops=0 if sqlite else emulator_stops,
        machine_kills=machine_kills,
        member_kills=member_kills,
        groups_kills=groups_kills,
        backend="sqlite" if sqlite else "emulator",
        seed=random.SystemRandom().randrange(2**32) if seed is None else seed,
    )
    directory = data or Path(tempfile.mkdtemp(prefix="triggers-chaos-"))
    _console.print(f"Seed {plan.seed}. Logs and report: {directory}")
    report = asyncio.run(chaos(plan, directory))
    _print(report)
    if report.violations:
        _console.print(summary(report.violations), style="red", highlight=False)
        raise SystemExit(1)
    shutil.rmtree(directory / "state")
    _console.print("Every promise was kept.")


def _print(report: Report) -> None:
    table = Table("what", "how many")
    table.columns[1].justify = "right"
    for what, count in report.figures.items():
        table.add_row(what, f"{count:,}")
    _console.print(table)


if __name__ == "__main__":
    main()
