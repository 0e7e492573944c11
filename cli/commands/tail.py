"""`triggers tail`: follow an inbox."""

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cli.forwarding import Forwarder
from cli.group_tail import handle_leases
from cli.http import Api, ApiError, Target, describe, resolve, target_options, url_checked
from cli.progress import RetryLine
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
@click.option(
    "--cursor-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Start after the cursor in this file, if it exists, and keep it up to date.",
)
@click.option("--forward-to", "forward_url", metavar="URL", help="POST each event to this URL instead of printing it.")
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
    cursor_file: Path | None,
    forward_url: str | None,
) -> None:
    """Print an inbox's events as they arrive, one CloudEvents JSON object per line, payloads byte for byte.

    Begins with the events that are stored from now on, unless given a start. While there is nothing new it waits at
    the API, which answers as soon as there is. At the end, however it comes, the cursor behind the last event printed
    goes to standard error; pass it to --after to continue from there, or let --cursor-file keep it.

    --forward-to posts one event after another, in order: its data with its content type, and its attributes as ce-*
    headers. Until the answer is a 2xx, the request is repeated, with pauses of up to 30 seconds, and the cursor stays
    before the event. With --group, an event without a 2xx is released instead: the group retries it later, and other
    events follow.
    """
    if from_start and cursor is not None:
        raise click.UsageError("Specify --from-start or --after, not both.")
    if not INBOX_PATTERN.fullmatch(inbox):
        raise click.BadParameter(f"must match {INBOX_PATTERN.pattern}", param_hint="--inbox")
    target = resolve(url, api_key)
    forwarder = None if forward_url is None else Forwarder(url_checked(forward_url), click.echo)
    if group is not None:
        if from_start or cursor is not None or cursor_file is not None:
            raise click.UsageError("A group has its own position: `triggers groups seek` moves it.")
        asyncio.run(handle_leases(target, group, inbox, once=once, print_events=_print, forwarder=forwarder))
        return
    if cursor is None and cursor_file is not None and cursor_file.exists():
        cursor, from_start = cursor_file.read_text(encoding="ascii", errors="replace").strip(), False
    follower = _Follower(inbox, cursor, once=once, from_now=not (from_start or once or cursor))
    follower.cursor_file, follower.forwarder = cursor_file, forwarder
    try:
        asyncio.run(follower.run(target))
    finally:
        if follower.cursor is not None:
            click.echo(f"cursor: {follower.cursor}", err=True)


class _Follower:
    """Reads page after page. `cursor` covers exactly the events that have been printed or delivered."""

    cursor_file: Path | None = None
    forwarder: Forwarder | None = None

    def __init__(self, inbox: str, cursor: str | None, *, once: bool, from_now: bool) -> None:
        self.cursor = cursor
        self._inbox = inbox
        self._once = once
        self._from_now = from_now

    async def run(self, target: Target) -> None:
        """Print or forward events until there are no more (`--once`), or forever."""
        # A cursor covers a page: with one event to a page, it never passes one that was not delivered.
        limit, retries = _PAGE_EVENTS if self.forwarder is None else 1, RetryLine(sys.stderr)
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(Api(target, retries.show, retries.clear))
            if self.forwarder is not None:
                await stack.enter_async_context(self.forwarder)
            if self._from_now:
                self._move(await self._cursor_of_now(api))
            while True:
                asked_at = time.monotonic()
                page = _decoded(await self._read(api, limit, wait=not self._once))
                await self._advance(page)
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

    async def _advance(self, page: _Page) -> None:
        if self.forwarder is None:
            _print(page.events)
            self._move(page.next)
            return
        for event in page.events:
            await self.forwarder.deliver(bytes(event))
        self._move(page.next)
        if self.forwarder.is_stopping:
            raise asyncio.CancelledError

    def _move(self, cursor: str) -> None:
        self.cursor = cursor
        if self.cursor_file is not None:
            unfinished = self.cursor_file.with_name(f"{self.cursor_file.name}.new")
            unfinished.write_text(cursor, encoding="ascii")
            unfinished.replace(self.cursor_file)


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
