"""`triggers provision`: create the queues, tables and bucket that the settings name."""

import asyncio
import os

import click
import msgspec

from cli.output import json_option, print_json
from shared import settings


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """What `triggers provision --json` prints: the names of the resources."""

    region: str
    queue: str
    dlq: str
    events_table: str
    api_keys_table: str
    groups_table: str
    sources_table: str
    bucket: str
    kms_key: str | None


@click.command()
@json_option
def provision(*, as_json: bool) -> None:
    """Create or update queues, tables and bucket, and the KMS key if KMS_KEY_ID is an alias.

    The command can be run any number of times.

    Nothing is deleted, and the contents of tables do not change. Needs the rights to create and describe them.
    """
    from shared.aws import provision as resources  # noqa: PLC0415 (loads the SDK)

    named = settings.load(os.environ)
    if named.backend == "sqlite":
        raise click.ClickException("SQLite needs no provisioning: files are created when they are first used.")
    asyncio.run(resources.provision(named))
    if not as_json:
        click.echo("Queues, tables and bucket are in place.")
        return
    print_json(
        Provisioned(
            region=named.aws_region,
            queue=named.queue_name,
            dlq=named.dlq_name,
            events_table=named.dynamodb_table_events,
            api_keys_table=named.dynamodb_table_api_keys,
            groups_table=named.dynamodb_table_groups,
            sources_table=named.dynamodb_table_sources,
            bucket=named.bodies_bucket,
            kms_key=named.kms_key_id or None,
        )
    )
