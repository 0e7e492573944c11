"""`triggers groups`: list, show, rewind and delete consumer groups, and list and release what is in quarantine."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click
import msgspec

from cli.http import Api, ApiError, Target, describe, resolve, target_options
from cli.output import json_option, print_json, print_table
from shared.model.event import DEFAULT_INBOX

if TYPE_CHECKING:
    import httpx

_F = TypeVar("_F", bound=Callable[..., Any])

_COLUMNS = "group", "types", "lag", "leased", "leases", "retries", "quarantined", "oldest"
_NONE = "-"

_group = click.argument("group")


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    position: str
    attempts: int
    quarantinedat: str
    reason: str
    event: msgspec.Raw


class _Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    events: Sequence[_Event]
    more: bool


class _Name(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    id: str
    type: str


def _options(command: _F) -> _F:
    inbox = click.option("--inbox", default=DEFAULT_INBOX, show_default=True, help="The inbox of the group.")
    return target_options(inbox(command))


@click.group()
def groups() -> None:
    """List, show and rewind consumer groups, and release what they have put into quarantine."""


@groups.command("list")
@_options
@json_option
def list_(*, url: str | None, api_key: str | None, inbox: str, as_json: bool) -> None:
    """List the groups of an inbox, and how far they have come."""
    found = _ask(resolve(url, api_key), "GET", "", {"inbox": inbox})["groups"]
    if as_json:
        print_json(found)
    elif found:
        _print(found)
    else:
        click.echo(f"The inbox {inbox} has no groups: the first lease creates one.")


@groups.command()
@_group
@_options
@json_option
def show(*, group: str, url: str | None, api_key: str | None, inbox: str, as_json: bool) -> None:
    """Show one group."""
    found = _ask(resolve(url, api_key), "GET", _path(group), {"inbox": inbox})
    if as_json:
        print_json(found)
        return
    _print([found])
    backoff = f"{found['backoff']['min']} to {found['backoff']['max']} s"
    click.echo(f"\nAttempts: {found['max_attempts']}; backoff: {backoff}; cursor: {found['next']}")


@groups.command()
@_group
@_options
@click.option("--since", metavar="TIME", help="Events stored at this RFC 3339 time or later.")
@click.option("--after", "cursor", help="Events after this cursor.")
@click.option("--start", is_flag=True, help="All stored events.")
@click.option("--end", is_flag=True, help="Events that are stored from now on.")
def seek(
    *,
    group: str,
    url: str | None,
    api_key: str | None,
    inbox: str,
    since: str | None,
    cursor: str | None,
    start: bool,
    end: bool,
) -> None:
    """Let a group begin elsewhere: its leases and retries end, and its quarantine stays."""
    given = {"since": since, "after": cursor, "start": start or None, "end": end or None}
    body = {name: value for name, value in given.items() if value is not None}
    if len(body) != 1:
        raise click.UsageError("Specify one of --since, --after, --start and --end.")
    found = _ask(resolve(url, api_key), "POST", f"{_path(group)}/seek", {"inbox": inbox}, body)
    click.echo(f"{found['lag']} events are to be leased.")


@groups.command()
@_group
@_options
@click.option("--release", "positions", multiple=True, metavar="POSITION", help="Release this event; may be repeated.")
@click.option("--release-all", is_flag=True, help="Release all events.")
@json_option
def quarantine(
    *,
    group: str,
    url: str | None,
    api_key: str | None,
    inbox: str,
    positions: tuple[str, ...],
    release_all: bool,
    as_json: bool,
) -> None:
    """List the events that failed too often, with the reasons, or release them, to be leased again."""
    if positions and release_all:
        raise click.UsageError("Specify --release or --release-all, not both.")
    target, path = resolve(url, api_key), f"{_path(group)}/quarantine"
    if positions or release_all:
        body = {"positions": list(positions)} if positions else {}
        released = _ask(target, "POST", f"{path}/release", {"inbox": inbox}, body)["released"]
        click.echo(f"{released:,} released.")
        return
    events = _quarantined(target, path, inbox)
    if as_json:
        print_json(events)
        return
    if not events:
        click.echo("The quarantine is empty.")
        return
    from rich.table import Table  # noqa: PLC0415 (slow to load)
    from rich.text import Text  # noqa: PLC0415 (the same)

    table = Table("position", "type", "source", "id", "attempts", "since", "reason", box=None)
    for event in events:
        named = msgspec.json.decode(event.event, type=_Name | None)
        name = (named.type, named.source, named.id) if named else (_NONE, _NONE, "no longer in the inbox")
        table.add_row(event.position, *map(Text, name), str(event.attempts), event.quarantinedat, Text(event.reason))
    print_table(table)


def _path(group: str) -> str:
    return f"/{quote(group, safe='')}"


def _quarantined(target: Target, path: str, inbox: str) -> list[_Event]:
    events: list[_Event] = []
    params = {"inbox": inbox, "limit": "1000"}
    while True:
        page = msgspec.json.decode(_answer(target, "GET", path, params).content, type=_Quarantine)
        events += page.events
        if not page.more or not page.events:
            return events
        params["after"] = page.events[-1].position


def _print(found: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table  # noqa: PLC0415 (slow to load)

    table = Table(*_COLUMNS, box=None)
    for one in found:
        cells = {**one, "types": ", ".join(one["types"]) or "all", "oldest": one["oldest"] or _NONE}
        table.add_row(*(str(cells[column]) for column in _COLUMNS))
    print_table(table)


def _ask(
    target: Target, method: str, path: str, params: Mapping[str, str], body: Mapping[str, Any] | None = None
) -> Any:  # noqa: ANN401 (it is JSON)
    return msgspec.json.decode(_answer(target, method, path, params, body).content)


def _answer(
    target: Target, method: str, path: str, params: Mapping[str, str], body: Mapping[str, Any] | None = None
) -> "httpx.Response":
    content = None if body is None else msgspec.json.encode(body)
    headers = {"Content-Type": "application/json"}

    async def ask() -> "httpx.Response":
        async with Api(target, lambda text: click.echo(text, err=True)) as api:
            return await api.request(method, f"/v1/groups{path}", params=params, content=content, headers=headers)

    answer = asyncio.run(ask())
    if answer.status_code != HTTPStatus.OK:
        raise ApiError(describe(answer))
    return answer
