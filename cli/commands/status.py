"""`triggers status`: tells whether all that a deployment stands on is there, and well."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from cli.http import complete_url, dev_json, url_checked
from cli.local.data_option import DATA, data_option
from cli.output import json_option, print_json
from shared import settings

if TYPE_CHECKING:
    from cli.inspection import Report


@click.command()
@data_option("Look at the script/server that runs with this directory, its API included.")
@click.option(
    "--url",
    envvar="TRIGGERS_URL",
    shell_complete=complete_url,
    help="Also ask the API there. Default: TRIGGERS_URL; with --data, that server's.",
)
@json_option
@click.pass_context
def status(ctx: click.Context, *, url: str | None, as_json: bool) -> None:
    """Tell whether queues, tables, bucket and API are there and well, and how much waits.

    Works with the AWS credentials and the settings of the environment, and only reads. A queue's numbers are SQS's:
    about right, and of messages, each of which may hold many events. What is not well is told in a sentence each.
    """
    data: Path | None = ctx.meta.get(DATA)
    if data is not None and ctx.get_parameter_source("url") is not ParameterSource.COMMANDLINE:
        url = dev_json(data / "dev.json").url
    report = asyncio.run(_look(url_checked(url) if url else None))
    if as_json:
        print_json(report)
    else:
        from cli.status_table import print_report  # noqa: PLC0415 (loads rich)

        print_report(report)
    if not report.healthy:
        sys.exit(1)


async def _look(url: str | None) -> "Report":
    from cli import inspection  # noqa: PLC0415 (loads the SDK)

    named = settings.load(os.environ)
    async with inspection.opened(named) as clients:
        return await inspection.inspect(named, clients, url)
