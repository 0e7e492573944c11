"""How dead letters look in a terminal. Names in them are whatever a producer sent, so nothing is taken for markup."""

import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.letters import Letter, Subject

_WIDE = 200  # of a table that no terminal shows; rich would cut it at 80
_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def print_letters(letters: Sequence[Letter]) -> None:
    """Print a table, a message a row."""
    now_ms = time.time_ns() // 1_000_000
    table = Table("message", "reason", "tenant", "holds", "age", "first", box=None)
    for letter in letters:
        age = "" if letter.accepted_at is None else _age(now_ms - letter.accepted_at)
        row = (letter.id, letter.reason, letter.tenant or "", _holds(letter), age, _first(letter.first))
        table.add_row(*map(_text, row))
    _print(table)


def print_letter(letter: Letter) -> None:
    """Print one message's fields, a line each."""
    table = Table.grid(padding=(0, 2))
    for name, value in _fields(letter):
        table.add_row(name, _text(value))
    _print(table)


def _fields(letter: Letter) -> Iterable[tuple[str, str]]:
    yield "message", letter.id
    yield "reason", letter.reason
    yield "receives", str(letter.receives)
    if letter.accepted_at is None:
        return
    yield "tenant", letter.tenant or ""
    yield "key", letter.key_id or ""
    yield "accepted", datetime.fromtimestamp(letter.accepted_at / 1000, UTC).isoformat(timespec="milliseconds")
    yield "holds", _holds(letter)
    if letter.first is not None:
        yield "inbox", letter.first.inbox
        yield "first", _first(letter.first)
        yield "type", letter.first.type or ""


def _holds(letter: Letter) -> str:
    return "" if letter.kind is None else f"{letter.kind}: {letter.events:,}"


def _first(subject: Subject | None) -> str:
    return "" if subject is None else f"{subject.source} {subject.id}"


def _age(age_ms: int) -> str:
    """Return a span in its largest unit: `3d`."""
    seconds = max(0, age_ms // 1000)
    return next((f"{seconds // size}{unit}" for size, unit in _UNITS if seconds >= size), "0s")


def _text(value: str) -> Text:
    # A terminal obeys control characters.
    return Text("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value))


def _print(table: Table) -> None:
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE).print(table)
