"""The `triggers` command. Each subcommand imports its dependencies when it runs, so that `--help` is fast."""

import click

from cli import help_pages
from cli.commands.completion import completion
from cli.commands.dev import dev
from cli.commands.dlq import dlq
from cli.commands.groups import groups
from cli.commands.inboxes import inboxes
from cli.commands.keys import keys
from cli.commands.provision import provision
from cli.commands.ready import ready
from cli.commands.send import send
from cli.commands.serve import serve
from cli.commands.sources import sources
from cli.commands.status import status
from cli.commands.tail import tail
from cli.commands.worker import worker
from cli.root import Root

triggers = Root(
    sections={
        "Run it": [dev, serve, worker],
        "Operate it": [provision, status, ready, keys, sources, inboxes, dlq],
        "Use it": [send, tail, groups],
        "This command": [completion],
    }
)
click.version_option(package_name="triggers", message="%(prog)s %(version)s")(triggers)
help_pages.attach(triggers)


def main() -> None:
    """Run the command line."""
    triggers(prog_name="triggers")
