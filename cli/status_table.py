"""The report of `triggers status` as a table in a terminal."""

from collections.abc import Iterator, Sequence

import click
from rich.table import Table
from rich.text import Text

from cli.api_state import ApiState
from cli.inspection import QueueState, Report, TableState
from cli.output import print_table, span

_UNKNOWN = "?"


def print_report(report: Report) -> None:
    """Print one row per part, then the problems."""
    table = Table("part", "name", "state", box=None)
    for part, name, state in _rows(report):
        table.add_row(part, Text(name), Text(state))
    print_table(table)
    click.echo(problems_text(report.problems))


def problems_text(problems: Sequence[str]) -> str:
    """Return the problems, one per line, after a blank line."""
    return "\n".join(["", *(f"! {problem}" for problem in problems)] if problems else ["", "Healthy."])


def _rows(report: Report) -> Iterator[tuple[str, str, str]]:
    yield "queue", report.queue.name, _queue(report.queue)
    yield "DLQ", report.dlq.name, _queue(report.dlq)
    yield "events", report.events_table.name, _table(report.events_table)
    yield "API keys", report.api_keys_table.name, _table(report.api_keys_table)
    yield "groups", report.groups_table.name, _table(report.groups_table)
    yield "sources", report.sources_table.name, _table(report.sources_table)
    yield "bucket", report.bucket.name, _there(report.bucket.exists)
    if report.api is not None:
        yield "API", report.api.url, api_text(report.api)


def _queue(queue: QueueState) -> str:
    if not queue.exists:
        return _there(queue.exists)
    numbers = ((queue.waiting, "waiting"), (queue.in_flight, "in flight"), (queue.delayed, "delayed"))
    return ", ".join(f"{number:,} {word}" for number, word in numbers if number is not None)


def _table(table: TableState) -> str:
    if not table.exists:
        return _there(table.exists)
    return f"{table.status}, TTL {_switch(table.ttl)}, recovery {_switch(table.recovery)}"


def api_text(api: ApiState) -> str:
    """Return the state of an API in words."""
    ready = "ready" if api.ready else "not ready"
    if api.version is None or api.uptime_seconds is None:
        return ready
    return f"{ready}, version {api.version}, up {span(api.uptime_seconds)}"


def _there(exists: bool | None) -> str:  # noqa: FBT001 (three answers to one question)
    return _UNKNOWN if exists is None else "exists" if exists else "missing"


def _switch(on: bool | None) -> str:  # noqa: FBT001 (the same)
    return _UNKNOWN if on is None else "on" if on else "off"
