"""`triggers status` for a data directory: its files, its queues, the free disk space and the API."""

import shutil
import sqlite3
from pathlib import Path

import click
import msgspec
from rich.table import Table
from rich.text import Text

from cli.api_state import ApiState, look_at_api
from cli.inspection import dead_letter_problems
from cli.output import print_table
from cli.status_table import api_text, problems_text
from shared.clock import SystemClock
from shared.settings import Settings
from shared.sqlite.inspection import FileState, MessageCounts, file_states, message_counts

_MIB = 1024 * 1024
_LEAST_FREE_BYTES = 512 * _MIB


class SqliteReport(msgspec.Struct, frozen=True, kw_only=True):
    """Output of `triggers status --json` for a data directory. A value of None is unknown."""

    healthy: bool
    data: str
    free_bytes: int
    files: list[FileState]
    queue: MessageCounts | None
    dlq: MessageCounts | None
    api: ApiState | None
    problems: list[str]


async def inspect(settings: Settings, url: str | None) -> SqliteReport:
    """Check the data directory that `settings` name, and the API at `url`."""
    directory = Path(settings.data_dir)
    files = file_states(directory)
    problems = [f"{file.name} does not exist: start `triggers dev`." for file in files if file.bytes is None]
    queue, dlq = (_counts(directory, name, problems) for name in (settings.queue_name, settings.dlq_name))
    if dlq is not None:
        problems += dead_letter_problems(dlq.waiting + dlq.in_flight, "the DLQ")
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < _LEAST_FREE_BYTES:
        problems.append(f"Only {free_bytes // _MIB:,} MiB are free in {directory}: a full disk refuses events.")
    api, api_problems = await look_at_api(url)
    problems += api_problems
    return SqliteReport(
        healthy=not problems,
        data=str(directory),
        free_bytes=free_bytes,
        files=files,
        queue=queue,
        dlq=dlq,
        api=api,
        problems=problems,
    )


def print_report(report: SqliteReport) -> None:
    """Print one row per part, then the problems."""
    table = Table("part", "name", "state", box=None)
    for part, counts in (("queue", report.queue), ("DLQ", report.dlq)):
        table.add_row(part, "queue.db", Text("?" if counts is None else _counts_text(counts)))
    for file in report.files:
        table.add_row("file", file.name, "missing" if file.bytes is None else f"{file.bytes / _MIB:,.1f} MiB")
    table.add_row("disk", report.data, f"{report.free_bytes / _MIB:,.0f} MiB free")
    if report.api is not None:
        table.add_row("API", report.api.url, Text(api_text(report.api)))
    print_table(table)
    click.echo(problems_text(report.problems))


def _counts(directory: Path, queue: str, problems: list[str]) -> MessageCounts | None:
    try:
        return message_counts(directory, queue, SystemClock().wall_ms())
    except sqlite3.Error as error:
        problems.append(f"queue.db can't be read ({error}).")
        return None


def _counts_text(counts: MessageCounts) -> str:
    return f"{counts.waiting:,} waiting, {counts.in_flight:,} in flight, {counts.delayed:,} delayed"
