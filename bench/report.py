"""The output of a run: a table, `results.json`, and caveats about the machine."""

import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.processes import LOAD_CORE, SERVER_CORE
from bench.results import Row, Samples

_HERE = Path(__file__).parent
RESULTS = _HERE / "results.json"
_MANY = 1000
_BUSY = 0.5
_LOAD_BEFORE = os.getloadavg()[0]  # read at the start: the run itself adds load

_LABELS = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}


def table(rows: Iterable[Row]) -> Table:
    """Return the table of `rows`."""
    made = Table(title="median (least..most)", title_justify="left", show_lines=False)
    for name, right in (("", False), ("what", False), ("ours", True), ("against", True), ("ratio", True)):
        made.add_column(name, justify="right" if right else "left")
    made.add_column("goal", justify="right")
    made.add_column("")
    for row in rows:
        against = "" if row.theirs is None else _text(row.theirs)
        ratio = "" if row.theirs is None else f"{row.ratio:.3g}"
        what = row.what if not row.note else f"{row.what}\n[dim]{row.note}[/]"
        made.add_row(row.name, what, _text(row.ours), against, ratio, row.goal, _LABELS[row.met])
    return made


def show(console: Console, rows: list[Row]) -> None:
    """Print the table and the caveats."""
    console.print(table(rows))
    for caveat in caveats():
        console.print(f"* {caveat}", style="dim", highlight=False)


def save(rows: list[Row], *, quick: bool) -> None:
    """Write `results.json`; keep the rows of benchmarks that did not run."""
    names = {row.name for row in rows}
    kept = [row for row in load() if row.name not in names]
    found = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine(),
        "caveats": caveats(),
        "rows": [*kept, *rows],
    }
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def load() -> list[Row]:
    """Return the rows of `results.json`."""
    if not RESULTS.exists():
        return []
    return msgspec.convert(msgspec.json.decode(RESULTS.read_bytes())["rows"], list[Row])


def machine() -> Mapping[str, Any]:
    """Describe the machine."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def caveats() -> list[str]:
    """Return caveats for the reader of the numbers."""
    found = [
        "The stub answers immediately; the real SQS and DynamoDB take some ms a call, which costs latency, not CPU.",
        "Neither build logs a line per request, unless stated.",
    ]
    if SERVER_CORE == LOAD_CORE:
        found.append("There is one core only: server, stub and load share it.")
    else:
        found.append(
            f"The server has core {SERVER_CORE} to itself; load and stub share core {LOAD_CORE}. Both are virtual "
            "on most machines, and may be two threads of one."
        )
    before = _LOAD_BEFORE
    if before > _BUSY * (os.cpu_count() or 1):
        found.append(f"The machine was busy before the run: a load average of {before:.1f}. Don't trust these.")
    return found


def _text(samples: Samples) -> str:
    low, high = min(samples.values), max(samples.values)
    spread = "" if len(samples.values) == 1 else f" ({_number(low)}..{_number(high)})"
    return f"{_number(samples.median)}{spread} {samples.unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= _MANY else f"{value:.3g}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
