"""The `triggers` command. Each subcommand imports what it needs as it runs, so that `--help` is quick."""

import click

from cli import manual
from cli.completion import completion
from cli.dev import dev
from cli.dlq import dlq
from cli.keys import keys
from cli.provision import provision
from cli.ready import ready
from cli.root import Root
from cli.send import send
from cli.serve import serve
from cli.status import status
from cli.tail import tail
from cli.worker import worker

triggers = Root(
    sections={
        "Run it": [dev, serve, worker],
        "Look after it": [provision, status, ready, keys, dlq],
        "Use it": [send, tail],
        "This command": [completion],
    }
)
click.version_option(package_name="triggers", message="%(prog)s %(version)s")(triggers)
manual.attach(triggers)


def main() -> None:
    """Run the command line."""
    triggers(prog_name="triggers")
