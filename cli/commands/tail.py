"""`triggers tail`: follow an inbox."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import click
import msgspec

from cli.group_tail import print_leases
from cli.http import Api, ApiError, Target, describe, resolve, target_options
from shared.model import cursor as cursors
from shared.model import position
from shared.model.event import DEFAULT_INBOX, INBOX_PATTERN

if TYPE_CHECKING:
    import httpx

_PAGE_EVENTS = 500
_WAIT_SECONDS = 20  # the longest wait that the API allows
_LEAST_SECONDS = 0.25
"""Minimum time between two empty answers. An earlier one comes from an API that stops, or has too many long polls."""


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of GET /v1/inbox; events are the received bytes."""

    events: list[msgspec.Raw]
    next: str
    more: bool


_page = msgspec.json.Decoder(_Page)


@click.command()
@target_options
@click.option("--inbox", default=DEFAULT_INBOX, show_default=True, help="Which inbox.")
@click.option("--from-start", is_flag=True, help="Start with the oldest stored event.")
@click.option("--after", "cursor", help="Start after this cursor.")
@click.option("--group", help="Share the events with the members of this consumer group: lease, print, ack.")
@click.option("--once", is_flag=True, help="Stop after the last stored event; without --after, start with the oldest.")
def tail(
    *,
    url: str | None,
    api_key: str | None,
    inbox: str,
    from_start: bool,
    cursor: str | None,
    once: bool,
    group: str | None,
) -> None:
    """Print an inbox's events as they arrive, one CloudEvents JSON object per line, payloads byte for byte.

    Begins with the events that are stored from now on, unless given a start. While there is nothing new it waits at
    the API, which answers as soon as there is. At the end, however it comes, the cursor behind the last event printed
    goes to standard error; pass it to --after to continue from there.
    """
    if from_start and cursor is not None:
        raise click.UsageError("Specify --from-start or --after, not both.")
    if not INBOX_PATTERN.fullmatch(inbox):
        raise click.BadParameter(f"must match {INBOX_PATTERN.pattern}", param_hint="--inbox")
    target = resolve(url, api_key)
    if group is not None:
        if from_start or cursor is not None:
            raise click.UsageError("A group has its own position: `triggers groups seek` moves it.")
        asyncio.run(print_leases(target, group, inbox, once=once, print_events=_print))
        return
    follower = _Follower(inbox, cursor, once=once, from_now=not (from_start or once or cursor))
    try:
        asyncio.run(follower.run(target))
    finally:
        if follower.cursor is not None:
            click.echo(f"cursor: {follower.cursor}", err=True)


class _Follower:
    """Reads page after page. `cursor` covers exactly the events that have been printed."""

    def __init__(self, inbox: str, cursor: str | None, *, once: bool, from_now: bool) -> None:
        self.cursor = cursor
        self._inbox = inbox
        self._once = once
        self._from_now = from_now

    async def run(self, target: Target) -> None:
        """Print events until there are no more (`--once`), or forever."""
        async with Api(target, lambda text: click.echo(text, err=True)) as api:
            if self._from_now:
                self.cursor = await self._cursor_of_now(api)
            while True:
                asked_at = time.monotonic()
                page = _decoded(await self._read(api, _PAGE_EVENTS, wait=not self._once))
                self._advance(page)
                if self._once and not page.more:
                    return
                if not page.events and not page.more:
                    await asyncio.sleep(_LEAST_SECONDS - (time.monotonic() - asked_at))

    async def _read(self, api: Api, limit: int, *, wait: bool) -> "httpx.Response":
        params = {"inbox": self._inbox, "limit": str(limit), "early": "true"}
        if wait:
            params["wait"] = str(_WAIT_SECONDS)
        if self.cursor is not None:
            params["after"] = self.cursor
        answer = await api.request("GET", "/v1/inbox", params=params, retry_forever=not self._once)
        if answer.status_code != HTTPStatus.OK:
            raise ApiError(describe(answer))
        return answer

    async def _cursor_of_now(self, api: Api) -> str:
        """Return a cursor for the current time of the API's clock; this machine's may be minutes off."""
        answer = await self._read(api, 1, wait=False)
        try:
            now = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            now = datetime.now(UTC)
        return cursors.encode(position.floor_of(int(now.timestamp() * 1000)), self._inbox)

    def _advance(self, page: _Page) -> None:
        _print(page.events)
        self.cursor = page.next


def _print(events: list[msgspec.Raw]) -> None:
    out = sys.stdout.buffer
    for event in events:
        # In JSON, line breaks occur only between tokens, where white space has no meaning.
        out.write(bytes(event).replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
    out.flush()


def _decoded(answer: "httpx.Response") -> _Page:
    try:
        return _page.decode(answer.content)
    except msgspec.DecodeError:
        raise ApiError(f"{answer.url.path} answered with something else than a page of events.") from None
