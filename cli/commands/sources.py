"""`triggers sources`: create, list, show, rotate, disable, delete and test sources of webhooks."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from msgspec.structs import replace

from cli import source_output as output
from cli.local.data_option import data_option
from cli.output import json_option, print_json
from cli.source_options import options_of, rules_of, scheme_options
from cli.time_span import TimeSpan, complete_span
from shared.model.errors import InvalidRequest, NotFound
from shared.model.source import Source
from shared.model.source_scheme import SCHEMES

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")


def _named(command: _F) -> _F:
    tenant = click.option(
        "--tenant", help="The tenant of the source; required if several tenants have one of this name."
    )
    return click.argument("name", metavar="NAME")(tenant(command))


_url = click.option("--url", help="URL of the API.  [default: PUBLIC_URL, or the server on this machine]")
_secret_file = click.option(
    "--secret-file", help="File with the provider's signing secret; - is standard input.  [default: generate one]"
)


@click.group()
@data_option("Use the sources of this data directory instead of AWS.")
def sources() -> None:
    """Create, list, show, rotate, disable, delete and test sources: URLs that accept any webhook unchanged.

    Works on the table that DYNAMODB_TABLE_SOURCES names, with the AWS credentials and endpoint of the environment;
    with --data on that of a server on this machine.
    """


@sources.command()
@click.option("--tenant", required=True, help="The tenant that gets the events.")
@click.option("--name", required=True, help="Name of the source; the events' source is /sources/NAME.")
@click.option("--inbox", default="default", show_default=True, help="Inbox of the events.")
@click.option("--scheme", required=True, type=click.Choice(SCHEMES), help="How deliveries are signed.")
@_secret_file
@click.option(
    "--window",
    "window_ms",
    default="7d",
    show_default=True,
    type=TimeSpan(),
    shell_complete=complete_span,
    help="Time in which a delivery with the same id is a duplicate.",
)
@click.option("--keep-header", "keep_headers", multiple=True, help="Header that becomes an attribute; may be repeated.")
@scheme_options
@_url
@json_option
def create(
    *,
    tenant: str,
    name: str,
    inbox: str,
    scheme: str,
    secret_file: str | None,
    window_ms: int,
    keep_headers: tuple[str, ...],
    url: str | None,
    as_json: bool,
    **more: Any,  # noqa: ANN401 - the options of `scheme_options`
) -> None:
    """Create a source and print its URL and, if generated, its signing secret, which can't be shown again."""
    from cli import source_records as records  # noqa: PLC0415 (loads the schemes)
    from shared.model import source as model  # noqa: PLC0415 (`sources` is the group)

    given = records.read_secret(secret_file)

    async def put() -> tuple[Source, str, str | None]:
        source, token = model.create(
            tenant=tenant,
            name=name,
            scheme=scheme,
            now_ms=records.now_ms(),
            inbox=inbox,
            options=options_of(more),
            rules=rules_of(more),
            keep_headers=keep_headers,
            window_seconds=window_ms // 1000,
        )
        async with records.opened() as (store, box):
            source, made = await records.with_secret(box, source, given)
            source = replace(await records.with_token(box, source, token), version=1)
            await store.put(source)
        return source, token, made

    source, token, made = _run(put())
    output.print_created(source, records.url_of(url, token), made, as_json=as_json)


@sources.command("list")
@click.option("--tenant", help="This tenant's only.")
@json_option
def list_(*, tenant: str | None, as_json: bool) -> None:
    """List sources, without their secrets."""
    from cli import source_records as records  # noqa: PLC0415

    async def read() -> list[Source]:
        async with records.opened() as (store, _):
            return await store.sources_of(tenant)

    found = _run(read())
    if as_json:
        print_json([output.shown(source) for source in found])
    else:
        output.print_sources(found)


@sources.command()
@_named
@click.option("--with-url", is_flag=True, help="Also print the URL, which is a secret.")
@_url
@json_option
def show(*, name: str, tenant: str | None, with_url: bool, url: str | None, as_json: bool) -> None:
    """Show the source NAME, without its signing secrets."""
    from cli import source_records as records  # noqa: PLC0415

    async def read() -> tuple[Source, str | None]:
        async with records.opened() as (store, box):
            source = await records.find(store, name, tenant)
            return source, records.url_of(url, await records.token_of(box, source)) if with_url else None

    source, url = _run(read())
    if as_json:
        print_json(output.shown(source, url=url))
    else:
        output.print_source(source, url)


@sources.command()
@_named
@_secret_file
@click.option("--finish", is_flag=True, help="Remove all secrets except the newest.")
@click.option("--new-url", is_flag=True, help="Replace the URL; the old one stops working.")
@_url
@json_option
def rotate(
    *,
    name: str,
    tenant: str | None,
    secret_file: str | None,
    finish: bool,
    new_url: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Add a signing secret to the source NAME; the old ones remain valid until `rotate NAME --finish`."""
    from cli import source_records as records  # noqa: PLC0415
    from shared.model import source as model  # noqa: PLC0415

    if sum((finish, new_url, secret_file is not None)) > 1:
        raise click.UsageError("--secret-file, --finish and --new-url can't be combined.")
    given = records.read_secret(secret_file)

    async def change() -> tuple[Source, str | None, str | None]:
        token = made = None
        async with records.opened() as (store, box):
            old = source = await records.find(store, name, tenant)
            if new_url:
                source, token = model.with_new_url(source)
                source = await records.with_token(box, source, token)
            elif finish:
                source = model.with_newest_secret(source)
            else:
                source, made = await records.with_secret(box, source, given)
            if source is not old:
                await store.replace(source)
            return source, token, made

    source, token, made = _run(change())
    output.print_created(source, None if token is None else records.url_of(url, token), made, as_json=as_json)


@sources.command()
@_named
@click.option("--undo", is_flag=True, help="Enable the source again.")
@json_option
def disable(*, name: str, tenant: str | None, undo: bool, as_json: bool) -> None:
    """Refuse deliveries to the source NAME; takes effect within KEY_CACHE_SECONDS (30 by default)."""
    from cli import source_records as records  # noqa: PLC0415
    from shared.model import source as model  # noqa: PLC0415

    async def change() -> Source:
        async with records.opened() as (store, _):
            old = await records.find(store, name, tenant)
            source = model.enabled(old) if undo else model.disabled(old, records.now_ms())
            if source is not old:
                await store.replace(source)
            return source

    output.print_change(_run(change()), "enabled" if undo else "disabled", as_json=as_json)


@sources.command()
@_named
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
def delete(*, name: str, tenant: str | None, yes: bool, as_json: bool) -> None:
    """Delete the source NAME permanently; its events are kept."""
    from cli import source_records as records  # noqa: PLC0415

    if not yes:
        click.confirm(f"Delete source {name}? Its URL will never work again.", abort=True, err=True)

    async def remove() -> Source:
        async with records.opened() as (store, _):
            source = await records.find(store, name, tenant)
            await store.delete(source)
            return source

    output.print_change(_run(remove()), "deleted", as_json=as_json)


@sources.command()
@_named
@click.option("--file", "path", required=True, help="File with the body of a delivery; - is standard input.")
@click.option("--header", "-H", "headers", multiple=True, help="Header, as 'Name: value'; may be repeated.")
@_url
@json_option
def test(*, name: str, tenant: str | None, path: str, headers: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Sign a delivery as the provider of the source NAME would, post it, and print the answer."""
    from cli import source_delivery  # noqa: PLC0415
    from cli import source_records as records  # noqa: PLC0415

    webhook = source_delivery.read(path, headers)

    async def deliver() -> source_delivery.Delivered:
        async with records.opened() as (store, box):
            source = await records.find(store, name, tenant)
            to = records.url_of(url, await records.token_of(box, source))
            return await source_delivery.post(await source_delivery.signed(box, source, webhook, to))

    done = _run(deliver())
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done.status} {done.detail}".rstrip())
    if not done.accepted:
        raise SystemExit(1)


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    try:
        return asyncio.run(work)
    except NotFound as error:
        raise click.ClickException(str(error)) from None
    except InvalidRequest as error:
        details = " ".join(fault.detail for fault in error.faults)
        raise click.ClickException(details or str(error)) from None
