"""Dead letters as tables in a terminal. Their names come from producers, so they are never interpreted as markup."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click
from rich.table import Column, Table
from rich.text import Text

from cli.output import print_table, span
from shared.dead_letters import DeadLetter, Subject

_ID_LENGTH = 36
_RAW_LENGTH = 4096
"""Characters: two or three screens, enough to recognize what a message is."""


def print_dead_letters(dead_letters: Sequence[DeadLetter]) -> None:
    """Print a table with one message per row."""
    now_ms = time.time_ns() // 1_000_000
    whole = Column("message", min_width=_ID_LENGTH)  # shown in full, so that it can be copied
    table = Table(whole, "reason", "tenant", "holds", "age", "first", box=None)
    for dead_letter in dead_letters:
        age = "" if dead_letter.accepted_at is None else span((now_ms - dead_letter.accepted_at) // 1000)
        row = (
            dead_letter.id,
            dead_letter.reason,
            dead_letter.tenant or "",
            _holds(dead_letter),
            age,
            _first(dead_letter.first),
        )
        table.add_row(*map(_text, row))
    print_table(table)


def print_dead_letter(dead_letter: DeadLetter) -> None:
    """Print the fields of one message, one per line."""
    table = Table.grid(padding=(0, 2))
    for name, value in _fields(dead_letter):
        table.add_row(name, _text(value))
    print_table(table)


def print_raw(body: str) -> None:
    """Print the beginning of an unreadable message, with everything escaped that a terminal does not show as it is."""
    shown = "".join(map(_escaped, body[:_RAW_LENGTH]))
    more = (
        f" (the first {_RAW_LENGTH:,} of {len(body):,} characters; --json prints all)"
        if len(body) > _RAW_LENGTH
        else ""
    )
    click.echo(f"\nraw text{more}:\n{shown}")


def _escaped(character: str) -> str:
    if character == "\\" or not character.isprintable():
        return character.encode("unicode_escape").decode()
    return character


def _fields(dead_letter: DeadLetter) -> Iterable[tuple[str, str]]:
    yield "message", dead_letter.id
    yield "reason", dead_letter.reason
    yield "receives", str(dead_letter.receives)
    if dead_letter.accepted_at is None:
        return
    yield "tenant", dead_letter.tenant or ""
    yield "key", dead_letter.key_id or ""
    yield "accepted", datetime.fromtimestamp(dead_letter.accepted_at / 1000, UTC).isoformat(timespec="milliseconds")
    yield "holds", _holds(dead_letter)
    if dead_letter.first is not None:
        yield "inbox", dead_letter.first.inbox
        yield "first", _first(dead_letter.first)
        yield "type", dead_letter.first.type or ""


def _holds(dead_letter: DeadLetter) -> str:
    return "" if dead_letter.kind is None else f"{dead_letter.kind}: {dead_letter.events:,}"


def _first(subject: Subject | None) -> str:
    return "" if subject is None else f"{subject.source} {subject.id}"


def _text(value: str) -> Text:
    # A terminal would interpret control characters.
    return Text("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value))
