"""`triggers provision`: make the queues, tables and bucket that the settings name."""

import asyncio
import os

import click

from shared import settings


@click.command()
def provision() -> None:
    """Make queues, tables and bucket, or set them right; may be run any number of times."""
    from shared import provision as resources  # noqa: PLC0415 (loads the SDK)

    asyncio.run(resources.provision(settings.load(os.environ)))
    click.echo("Queues, tables and bucket are in place.")
