"""`triggers inboxes`: list the inboxes that have several shards, and change their number by hand."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import click
import msgspec

from cli.local.data_option import data_option
from cli.output import json_option, print_json, print_table
from shared import settings
from shared.backend import connect
from shared.clock import SystemClock, rfc3339
from shared.layouts import LayoutFull, Layouts
from shared.model.errors import TriggersError
from shared.model.layout import MAX_SHARDS, InboxName, Layout, Sharding

_COUNTS = [str(1 << power) for power in range(MAX_SHARDS.bit_length())]
_NONE = "-"


class EpochShown(msgspec.Struct, frozen=True, kw_only=True):
    """From a time on, an inbox has this many shards."""

    since: str
    shards: int


class InboxShown(msgspec.Struct, frozen=True, kw_only=True):
    """An inbox that has, or had, several shards: their present number, and all epochs for which events are kept.

    `busy` is the last time, to the hour, at which a worker wrote more than a hundredth of what the shards take.
    """

    tenant: str
    inbox: str
    shards: int
    busy: str | None
    epochs: Sequence[EpochShown]


@click.group()
@data_option("Use the inboxes of this data directory instead of AWS.")
def inboxes() -> None:
    """List the inboxes that have several shards, and change their number.

    Every inbox has one shard until a worker finds that this is too few. Works on the table that DYNAMODB_TABLE_EVENTS
    names. With SQLite, inboxes always have one shard.
    """


@inboxes.command("list")
@click.option("--tenant", help="This tenant's only.")
@json_option
def list_(*, tenant: str | None, as_json: bool) -> None:
    """List the inboxes that have, or had, more than one shard."""

    async def read() -> Layout:
        async with _opened() as layouts:
            return Layout() if layouts is None else await layouts.current()

    layout, now_ms = asyncio.run(read()), SystemClock().wall_ms()
    found = [
        _shown(inbox, sharding, now_ms)
        for inbox, sharding in sorted(layout.inboxes.items())
        if tenant in (None, inbox.tenant)
    ]
    if as_json:
        print_json(found)
    elif found:
        _print(found, rfc3339(now_ms))
    else:
        click.echo("Every inbox has one shard.")


@inboxes.command()
@click.argument("inbox")
@click.argument("shards", metavar="SHARDS", type=click.Choice(_COUNTS))
@click.option("--tenant", required=True, help="The tenant of the inbox.")
@json_option
def scale(*, inbox: str, shards: str, tenant: str, as_json: bool) -> None:
    """Give INBOX this number of SHARDS, in about a minute: before a load that will exceed one partition.

    Workers double the number while it is too small, and halve it after a quiet day.
    """
    name = InboxName(tenant, inbox)

    async def change() -> Layout:
        async with _opened() as layouts:
            if layouts is None:
                raise TriggersError("With SQLite, every inbox has one shard.")
            await layouts.scale(name, int(shards))
            return layouts.latest

    try:
        layout = asyncio.run(change())
    except LayoutFull:
        raise click.ClickException("The layout has no room for another inbox with several shards.") from None
    shown = _shown(name, layout.inboxes.get(name, Sharding(())), SystemClock().wall_ms())
    if as_json:
        print_json(shown)
    elif not shown.epochs:
        click.echo(f"The inbox {inbox} already has 1 shard.")
    else:
        click.echo(f"The inbox {inbox} has {shards} shards from {shown.epochs[-1].since} on.")


@asynccontextmanager
async def _opened() -> AsyncIterator[Layouts | None]:
    backend = connect(settings.load(os.environ), SystemClock())
    try:
        yield await backend.layouts()
    finally:
        await backend.aclose()


def _shown(inbox: InboxName, sharding: Sharding, now_ms: int) -> InboxShown:
    return InboxShown(
        tenant=inbox.tenant,
        inbox=inbox.inbox,
        shards=sharding.at(now_ms).shards,
        busy=rfc3339(sharding.busy_ms) if sharding.busy_ms else None,
        epochs=[EpochShown(since=rfc3339(since), shards=shards) for since, shards in sharding.epochs],
    )


def _print(found: Sequence[InboxShown], now: str) -> None:
    from rich.table import Table  # noqa: PLC0415 (slow to load)
    from rich.text import Text  # noqa: PLC0415 (the same)

    table = Table("tenant", "inbox", "shards", "next", "busy", box=None)
    for inbox in found:
        last = inbox.epochs[-1]
        change = f"{last.shards} from {last.since} on" if last.since > now else _NONE
        table.add_row(*map(Text, (inbox.tenant, inbox.inbox, str(inbox.shards), change, inbox.busy or _NONE)))
    print_table(table)
