"""The `triggers` command. Each subcommand imports what it needs as it runs, so that `--help` is quick."""

import sys

import click

from cli.dev import dev
from cli.dlq import dlq
from cli.keys import keys
from cli.provision import provision
from cli.ready import ready
from cli.send import send
from cli.serve import serve
from cli.tail import tail
from cli.worker import worker
from shared.errors import InvalidSettings, TriggersError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def triggers() -> None:
    """Take in events fast, store each one once, read them at your own pace."""


triggers.add_command(dev)
triggers.add_command(serve)
triggers.add_command(worker)
triggers.add_command(provision)
triggers.add_command(ready)
triggers.add_command(keys)
triggers.add_command(dlq)
triggers.add_command(send)
triggers.add_command(tail)


def main() -> None:
    """Run the command line; errors of ours end it with one line each and exit code 1."""
    try:
        triggers()
    except InvalidSettings as error:
        for fault in error.faults:
            click.echo(f"Invalid setting: {fault}", err=True)
        sys.exit(1)
    except TriggersError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
