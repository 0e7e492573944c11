"""The `triggers` command: subcommands by purpose, and errors in one line.

Exit codes: 0 done; 1 failed, incomplete or not healthy; 2 wrong command line; 130 Ctrl-C. docs/operating.md lists them,
and those of single commands.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

from cli import aws_error_messages
from shared import settings
from shared.model.errors import InvalidSettings, TriggersError, Unavailable, Unclear

_FAILED = 1
_INTERRUPTED = 130  # the exit code that shells report for SIGINT


class Root(click.Group):
    """A group that lists commands under headings, and reports a failure in one line and an exit code."""

    def __init__(self, *, sections: Mapping[str, Sequence[click.Command]]) -> None:
        super().__init__(
            "triggers",
            help="Accept events fast, store each one once, read them at your own pace.",
            epilog="`triggers COMMAND --help` shows options and examples.",
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        self._sections = sections
        for commands in sections.values():
            for command in commands:
                self.add_command(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, one section per purpose."""
        width = max(len(name) for name in self.list_commands(ctx))
        for title, commands in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{command.name:<{width}}", command.short_help or "") for command in commands])

    def invoke(self, ctx: click.Context) -> object:
        """Run the requested command; report known errors in one line instead of a stack trace."""
        with errors_in_one_line():
            return super().invoke(ctx)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Report a known error in one line on stderr, and exit with its code."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except InvalidSettings as error:
        for fault in error.faults:
            click.echo(f"Invalid setting: {fault}", err=True)
        sys.exit(_FAILED)
    except click.ClickException:  # has its message, even if a refusal by AWS is its cause
        raise
    except Exception as error:
        if (line := error_message(error)) is None:
            raise
        click.ClickException(line).show()
        sys.exit(_FAILED)


def error_message(error: Exception) -> str | None:
    """Return one line for `error`, None if it comes neither from this project nor from AWS nor from a file."""
    # No other error of this project is a refusal by AWS, although a refusal may be its cause.
    if not isinstance(error, TriggersError) or isinstance(error, (Unavailable, Unclear)):
        said = aws_error_messages.explain(error, settings.load(os.environ))
        if said is not None:
            return said
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error) if isinstance(error, TriggersError) else None
