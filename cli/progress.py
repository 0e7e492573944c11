"""Progress of a command: a bar on a terminal; elsewhere `triggers send` prints a line every few seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console

_SECONDS_PER_LINE = 5.0


class Progress:
    """Reports a send: `advance` takes bytes and events processed, accepted or not; `notice` takes text."""

    def __init__(self, advance: Callable[[int, int], None], notice: Callable[[str], None]) -> None:
        self.advance = advance
        self.notice = notice


class RetryLine:
    """Says that requests are retried: on a terminal in one line that changes, elsewhere once until they succeed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = False

    def show(self, text: str) -> None:
        """Show `text` instead of what is shown."""
        if self._stream.isatty():
            click.echo(f"\r\x1b[2K{text}", file=self._stream, nl=False)
        elif not self._shown:
            click.echo(text, file=self._stream)
        self._shown = True

    def clear(self) -> None:
        """Say that requests succeed again, if anything else is shown."""
        if self._shown and self._stream.isatty():
            click.echo("\r\x1b[2K", file=self._stream, nl=False)
        elif self._shown:
            click.echo("Connected again.", file=self._stream)
        self._shown = False


@contextmanager
def showing(
    total_bytes: int | None, stream: TextIO, *, seconds_per_line: float = _SECONDS_PER_LINE
) -> Iterator[Progress]:
    """Show progress on `stream` until the context exits. Without a total the bar only shows activity."""
    from rich.console import Console  # noqa: PLC0415 (slow to load)

    console = Console(file=stream)
    if console.is_terminal:
        with _bar(total_bytes, console) as progress:
            yield progress
    else:
        yield _lines(stream, seconds_per_line)


@contextmanager
def counting(label: str, total: int, stream: TextIO) -> Iterator[Callable[[int], None]]:
    """Show progress towards about `total` items if `stream` is a terminal; the value takes the number of new items."""
    from rich import progress as bars  # noqa: PLC0415 (slow to load)
    from rich.console import Console  # noqa: PLC0415 (the same)

    console = Console(file=stream)
    columns = (bars.TextColumn(label), bars.BarColumn(), bars.MofNCompleteColumn())
    with bars.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=total)
        yield lambda more: bar.update(task, completed=min(bar.tasks[task].completed + more, total))


@contextmanager
def _bar(total_bytes: int | None, console: "Console") -> Iterator[Progress]:
    from rich import progress as bars  # noqa: PLC0415 (slow to load)
    from rich.markup import escape  # noqa: PLC0415 (the same)

    columns = (
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TextColumn("{task.fields[events]:,} events"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console) as bar:
        task = bar.add_task("send", total=total_bytes, events=0)
        events = 0

        def advance(done_bytes: int, done_events: int) -> None:
            nonlocal events
            events += done_events
            bar.update(task, advance=done_bytes, events=events)

        yield Progress(advance, lambda text: bar.console.print(escape(text), highlight=False))


def _lines(stream: TextIO, seconds_per_line: float) -> Progress:
    events, reported_at = 0, time.monotonic()

    def advance(_: int, done_events: int) -> None:
        nonlocal events, reported_at
        events += done_events
        if time.monotonic() - reported_at >= seconds_per_line:
            reported_at = time.monotonic()
            click.echo(f"{events:,} events so far", file=stream)

    return Progress(advance, lambda text: click.echo(text, file=stream))
