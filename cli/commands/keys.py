"""`triggers keys`: create, list, rotate and revoke API keys, in the key table that the settings name."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from cli.local.data_option import data_option
from cli.output import json_option, print_json, print_table
from cli.time_span import TimeSpan, complete_span
from shared import settings
from shared.backend import connect
from shared.clock import SystemClock
from shared.model import api_key as api_keys
from shared.model.api_key import DEFAULT_BURST, DEFAULT_RATE, DEFAULT_SCOPES, SCOPES, ApiKey
from shared.model.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from shared.key_ports import KeyStore

_COLUMNS = "key", "tenant", "name", "scopes", "types", "rate", "burst", "created", "expires", "last used", "status"


@click.group()
@data_option("Use the API keys of this data directory instead of AWS.")
def keys() -> None:
    """Create, list, rotate and revoke API keys.

    Works on the table that DYNAMODB_TABLE_API_KEYS names, with the AWS credentials and endpoint of the environment;
    with --data on that of a server on this machine.
    """


@keys.command()
@click.option("--tenant", required=True, help="The tenant whose events the key sends and reads.")
@click.option("--name", required=True, help="The purpose of the key.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="May be repeated. `operate` and `dlq:admin` concern the queues and dead letters of all tenants."
    "  [default: the others]",
)
@click.option("--type", "types", multiple=True, help="Event types, such as order.*; may be repeated.  [default: all]")
@click.option("--rate", default=DEFAULT_RATE, show_default=True, help="Events per second.")
@click.option("--burst", default=DEFAULT_BURST, show_default=True, help="Events at once.")
@click.option(
    "--expires",
    "lasts_ms",
    type=TimeSpan(),
    shell_complete=complete_span,
    help="Lifetime of the key, such as 90d.  [default: unlimited]",
)
@json_option
def create(
    *,
    tenant: str,
    name: str,
    scopes: tuple[str, ...],
    types: tuple[str, ...],
    rate: int,
    burst: int,
    lasts_ms: int | None,
    as_json: bool,
) -> None:
    """Create a key and print it. It is shown only once, because only its hash is stored."""
    loaded = settings.load(os.environ)
    now_ms = _now_ms()
    try:
        key, token = api_keys.create(
            tenant=tenant,
            name=name,
            scopes=scopes or DEFAULT_SCOPES,
            types=types,
            now_ms=now_ms,
            rate=rate,
            burst=burst,
            expires_at=None if lasts_ms is None else now_ms + lasts_ms,
            bcrypt_cost=loaded.bcrypt_cost,
        )
    except InvalidRequest as error:
        raise _said(error) from None

    async def put() -> None:
        async with _store(loaded) as store:
            await store.put(key)

    asyncio.run(put())
    _print_made(key, token, as_json=as_json)


@keys.command("list")
@click.option("--tenant", help="This tenant's only.")
@json_option
def list_(*, tenant: str | None, as_json: bool) -> None:
    """List keys, oldest first, without their secrets."""

    async def read() -> list[ApiKey]:
        async with _store(settings.load(os.environ)) as store:
            return await store.keys_of(tenant)

    found = asyncio.run(read())
    if as_json:
        print_json([_shown(key) for key in found])
    else:
        _print_table(found)


@keys.command()
@click.argument("key_id", metavar="KEYID")
@click.option(
    "--overlap",
    "overlap_ms",
    default="24h",
    show_default=True,
    type=TimeSpan(),
    shell_complete=complete_span,
    help="How long the old key remains valid.",
)
@json_option
def rotate(*, key_id: str, overlap_ms: int, as_json: bool) -> None:
    """Replace the key KEYID: create and print a key with the same rights, and let the old one expire.

    The new key lasts as long as the old one was made to.
    """
    loaded = settings.load(os.environ)

    async def replace() -> None:
        async with _store(loaded) as store:
            if (old := await store.get(key_id)) is None:
                raise NotFound(f"Unknown key {key_id}.")
            now_ms = _now_ms()
            key, token = api_keys.rotate(old, now_ms=now_ms, bcrypt_cost=loaded.bcrypt_cost)
            await store.put(key)
            # Printed before the old key gets its expiry: if that fails, the new key is known, and this can be repeated.
            _print_made(key, token, as_json=as_json)
            old = await store.expire(key_id, now_ms + overlap_ms)
            click.echo(f"Key {key_id} works until {_moment(old.expires_at)}.", err=True)

    try:
        asyncio.run(replace())
    except NotFound as error:
        raise click.ClickException(str(error)) from None
    except InvalidRequest as error:
        raise _said(error) from None


@keys.command()
@click.argument("key_id", metavar="KEYID")
@json_option
def revoke(*, key_id: str, as_json: bool) -> None:
    """Revoke the key KEYID. It stops working permanently within KEY_CACHE_SECONDS (30 by default)."""
    loaded = settings.load(os.environ)

    async def mark() -> ApiKey:
        async with _store(loaded) as store:
            return await store.revoke(key_id, _now_ms())

    try:
        key = asyncio.run(mark())
    except NotFound as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        print_json(_shown(key))
    else:
        click.echo(f"Key {key_id} is revoked; it stops working within {loaded.key_cache_seconds} s.")


@asynccontextmanager
async def _store(loaded: settings.Settings) -> AsyncIterator["KeyStore"]:
    async with aclosing(connect(loaded, SystemClock())) as backend:
        yield await backend.keys()


def _shown(key: ApiKey) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(key)
    del fields["secret_hash"]
    return {**fields, "status": _status(key)}


def _status(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.lapsed(_now_ms()) else "active"


def _said(error: InvalidRequest) -> click.ClickException:
    return click.ClickException(" ".join(fault.detail for fault in error.faults))


def _print_made(key: ApiKey, token: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**_shown(key), "api_key": token})
    else:
        click.echo(f"Key {key.key_id} of tenant {key.tenant}. It can't be shown again:", err=True)
        click.echo(token)


def _print_table(found: list[ApiKey]) -> None:
    from rich.table import Table  # noqa: PLC0415 (slow to load)
    from rich.text import Text  # noqa: PLC0415 (the same)

    table = Table(*_COLUMNS, box=None)
    for key in found:
        row = (
            key.key_id,
            key.tenant,
            key.name,
            " ".join(key.scopes),
            " ".join(key.types) or "all",
            str(key.rate),
            str(key.burst),
            _day(key.created_at),
            _day(key.expires_at),
            _day(key.last_used_at),
            _status(key),
        )
        table.add_row(*map(Text, row))  # as `Text`, because rich interprets `[red]` in a plain string as markup
    print_table(table)


def _day(time_ms: int | None) -> str:
    return _moment(time_ms).partition(" ")[0]


def _moment(time_ms: int | None) -> str:
    return "never" if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
