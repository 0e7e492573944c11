"""`triggers ready`: does what a part needs answer? For health checks of containers."""

import asyncio
import os
import sys

import click

from cli import emulator
from shared import settings


@click.command()
@click.argument("url", required=False)
def ready(url: str | None) -> None:
    """Exit with 0 if the API at URL says that it is ready; without URL, if queues and table answer a worker."""
    if url is None:
        asyncio.run(_ask(settings.load(os.environ)))
    elif not emulator.answers(f"{url}/readyz"):
        click.echo(f"{url}/readyz does not answer 200.", err=True)
        sys.exit(1)
    click.echo("ready")


async def _ask(loaded: settings.Settings) -> None:
    """Open what a worker opens; raise `Unavailable` or `InvalidSettings` where it could not start."""
    from worker.runtime import Runtime  # noqa: PLC0415 (loads the SDK)

    async with Runtime(loaded) as runtime:
        await runtime.processor()
        await (await runtime.queue()).backlog()
