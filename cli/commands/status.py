"""`triggers status`: check the resources of a deployment."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from cli.http import DEV_JSON, LOCAL_DATA, complete_url, dev_json, url_checked
from cli.local.data_option import DATA, data_option, use
from cli.output import json_option, print_json
from shared import settings

if TYPE_CHECKING:
    from cli.inspection import Report


@click.command()
@data_option("Check this data directory instead of AWS, and the API of the server that runs there.")
@click.option(
    "--url",
    envvar="TRIGGERS_URL",
    shell_complete=complete_url,
    help="Also check the API at this URL. Default: TRIGGERS_URL; with --data, that server's URL.",
)
@json_option
@click.pass_context
def status(ctx: click.Context, *, url: str | None, as_json: bool) -> None:
    """Check that queues, tables, bucket and API exist and are healthy, and show the queue depth.

    Checks the server that runs in this directory (.triggers), unless BACKEND or a URL is given; otherwise the AWS
    resources that the settings name, with the credentials of the environment. With --data, checks a directory of this
    machine. It only reads. SQS's numbers are approximate. They count messages, each of which may hold many events. Each
    problem is reported in one sentence.
    """
    data: Path | None = ctx.meta.get(DATA)
    if data is None and url is None and not os.environ.get("BACKEND") and (LOCAL_DATA / DEV_JSON).exists():
        data = use(ctx, LOCAL_DATA)
    if data is not None and ctx.get_parameter_source("url") is not ParameterSource.COMMANDLINE:
        url = dev_json(data / DEV_JSON).url if (data / DEV_JSON).exists() else None
    if not _report(settings.load(os.environ), url_checked(url) if url else None, as_json=as_json):
        sys.exit(1)


def _report(loaded: settings.Settings, url: str | None, *, as_json: bool) -> bool:
    """Check and print; return whether everything is healthy."""
    if loaded.backend == "sqlite":
        from cli import sqlite_status  # noqa: PLC0415 (loads rich)

        found = asyncio.run(sqlite_status.inspect(loaded, url))
        (print_json if as_json else sqlite_status.print_report)(found)
        return found.healthy
    from cli.status_table import print_report  # noqa: PLC0415 (the same)

    report = asyncio.run(_inspect_aws(loaded, url))
    (print_json if as_json else print_report)(report)
    return report.healthy


async def _inspect_aws(loaded: settings.Settings, url: str | None) -> "Report":
    from cli import inspection  # noqa: PLC0415 (loads the SDK)

    async with inspection.opened(loaded) as clients:
        return await inspection.inspect(loaded, clients, url)
