"""`triggers ready`: check that the API, or the resources of a worker, answer. For health checks of containers."""

import asyncio
import os
import sys
from contextlib import aclosing

import click
import msgspec

from cli.http import complete_url, shown, url_checked
from cli.local import emulator
from cli.local.data_option import data_option
from cli.output import json_option, print_json
from cli.root import error_message
from shared import settings
from shared.backend import connect
from shared.clock import SystemClock
from shared.service_time import Reading
from shared.telemetry.catalog import Metrics


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Output of `triggers ready --json`; `reason` is None if ready."""

    ready: bool
    reason: str | None = None


@click.command()
@click.argument("url", required=False, shell_complete=complete_url)
@data_option("Without URL, check what a worker needs in this data directory instead of AWS.")
@json_option
def ready(*, url: str | None, as_json: bool) -> None:
    """Exit with 0 if the API at URL reports that it is ready; without URL, if the resources of a worker answer.

    Without URL, it also compares the clock of this machine with the dates of their answers.
    """
    reason = _reason(url)
    if as_json:
        print_json(Readiness(ready=reason is None, reason=reason))
    elif reason is None:
        click.echo("ready")
    if reason is not None:
        if not as_json:
            click.echo(f"Error: {reason}", err=True)
        sys.exit(1)


def _reason(url: str | None) -> str | None:
    """Return the reason why it is not ready, None if it is."""
    if url is not None:
        asked = f"{url_checked(url)}/readyz"
        return None if emulator.answers(asked) else f"{shown(asked)} does not answer 200."
    named = settings.load(os.environ)
    try:
        asyncio.run(_ask(named))
    except Exception as error:
        if (line := error_message(error)) is None:
            raise
        return line
    return None


async def _ask(named: settings.Settings) -> None:
    """Open the resources that a worker opens; raise `Unavailable` or `InvalidSettings` if it could not start."""
    from worker.runtime import open_processor  # noqa: PLC0415 (loads the worker)

    clock = SystemClock()
    async with aclosing(connect(named, clock)) as backend:
        await open_processor(backend, named, clock, Metrics())
        queue = await backend.queue()
        await queue.backlog()
        await backend.service_time.check(Reading.of(clock), queue.backlog)
