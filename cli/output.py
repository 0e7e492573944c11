"""Output shared by commands: `--json`, which prints nothing else on standard output, and tables."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from rich.table import Table

_F = TypeVar("_F", bound=Callable[..., Any])

_WIDE = 200  # maximum width of a table; without a terminal, rich would use 80
_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def json_option(command: _F) -> _F:
    """Add the flag `--json`, passed as `as_json`, to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def print_json(value: object) -> None:
    """Print `value` on one line of standard output."""
    click.echo(msgspec.json.encode(value))


def print_table(table: "Table") -> None:
    """Print `table` on standard output; lines may exceed the terminal's width, so that names can be copied."""
    from rich.console import Console  # noqa: PLC0415 (slow to load)

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE)
    whole = console.measure(table, options=console.options.update(width=_WIDE)).maximum
    console.width = max(console.width, min(whole, _WIDE))
    console.print(table)


def span(seconds: int) -> str:
    """Return a duration in its largest unit: `3d`."""
    return next((f"{seconds // size}{unit}" for size, unit in _UNITS if seconds >= size), "0s")
