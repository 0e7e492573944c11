"""How dead letters look in a terminal. Names in them are whatever a producer sent, so nothing is taken for markup."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.table import Column, Table
from rich.text import Text

from cli.output import print_table, span
from shared.dead_letters import DeadLetter, Subject

_ID_LENGTH = 36


def print_letters(letters: Sequence[DeadLetter]) -> None:
    """Print a table, a message a row."""
    now_ms = time.time_ns() // 1_000_000
    whole = Column("message", min_width=_ID_LENGTH)  # it is there to be copied
    table = Table(whole, "reason", "tenant", "holds", "age", "first", box=None)
    for letter in letters:
        age = "" if letter.accepted_at is None else span((now_ms - letter.accepted_at) // 1000)
        row = (letter.id, letter.reason, letter.tenant or "", _holds(letter), age, _first(letter.first))
        table.add_row(*map(_text, row))
    print_table(table)


def print_letter(letter: DeadLetter) -> None:
    """Print one message's fields, a line each."""
    table = Table.grid(padding=(0, 2))
    for name, value in _fields(letter):
        table.add_row(name, _text(value))
    print_table(table)


def _fields(letter: DeadLetter) -> Iterable[tuple[str, str]]:
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


def _holds(letter: DeadLetter) -> str:
    return "" if letter.kind is None else f"{letter.kind}: {letter.events:,}"


def _first(subject: Subject | None) -> str:
    return "" if subject is None else f"{subject.source} {subject.id}"


def _text(value: str) -> Text:
    # A terminal obeys control characters.
    return Text("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value))
