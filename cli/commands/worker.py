"""`triggers worker`: receive packs from the queue and store their events until stopped."""

import asyncio
import os
import signal

import click

from cli.garbage_collection import tune_garbage_collection
from cli.local.data_option import data_option
from shared import settings
from shared.telemetry import log, tracing


@click.command()
@data_option("Use this data directory instead of AWS.")
def worker() -> None:
    """Store queued events until SIGTERM or Ctrl-C, then finish the messages in progress and exit."""
    import uvloop  # noqa: PLC0415 (loaded only where it is used)

    loaded = settings.load(os.environ)
    log.configure(loaded.log_level)
    tune_garbage_collection()
    tracing.configure(os.environ, "triggers-worker")
    uvloop.run(_run(loaded))


async def _run(loaded: settings.Settings) -> None:
    from worker.__main__ import run  # noqa: PLC0415 (loads the SDK)

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(loaded, stop)
