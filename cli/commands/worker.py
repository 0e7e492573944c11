"""`triggers worker`: receive packs from the queue and store their events until stopped."""

import click

from cli.local.data_option import data_option


@click.command()
@data_option("Use this data directory instead of AWS.")
def worker() -> None:
    """Store queued events until SIGTERM or Ctrl-C, then finish the messages in progress and exit."""
    from worker.__main__ import main  # noqa: PLC0415 (loads what a worker needs)

    main()
