"""`triggers dlq`: list the messages that could not be stored, and send them to the queue again or delete them."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from cli.local.data_option import data_option
from cli.output import json_option, print_json
from cli.progress import counting
from shared import settings
from shared.backend import connect
from shared.clock import SystemClock
from shared.containers import batches
from shared.dead_letters import DeadLetter, DlqPeek, dead_letter_of, payloads_of, peek_dlq, redrive
from shared.ports import MAX_MESSAGES, Message

if TYPE_CHECKING:
    from shared.ports import EventQueue

_T = TypeVar("_T")

_MANY = 1000

_ids = click.argument("ids", metavar="ID...", nargs=-1)


class DlqSession:
    """An open peek at the DLQ, and the queue that its messages came from."""

    def __init__(self, loaded: settings.Settings, peek: DlqPeek, dlq: "EventQueue", queue: "EventQueue") -> None:
        self.settings = loaded
        self.peek = peek
        self.dlq = dlq
        self.queue = queue

    def dead_letter(self, message: Message) -> DeadLetter:
        """Return the description of `message`."""
        return dead_letter_of(message, max_receives=self.settings.max_receives)

    async def find(self, ids: Sequence[str]) -> list[Message]:
        """Return the messages named `ids`; report missing ones on stderr."""
        found = await self.peek.find(ids)
        for missing in dict.fromkeys(ids):
            if missing not in {message.id for message in found}:
                click.echo(f"Message {missing} is not in the DLQ, or another command holds it.", err=True)
        return found


@click.group()
@data_option("Use the DLQ of this data directory instead of AWS.")
def dlq() -> None:
    """List the messages that could not be stored, send them to the queue again, or delete them.

    Works on the queues that DLQ_NAME and QUEUE_NAME name. Looking hides messages for as long as it takes.
    """


@dlq.command("list")
@click.option("--limit", default=_MANY, show_default=True, type=click.IntRange(1), help="Maximum number of messages.")
@json_option
def list_(*, limit: int, as_json: bool) -> None:
    """List messages by acceptance time, oldest first: reasons and contents, but no payload."""

    async def look(session: DlqSession) -> list[DeadLetter]:
        dead_letters: list[DeadLetter] = []
        total = await session.dlq.backlog()
        with counting("Reading", min(limit, total), sys.stderr) as advance:
            async for messages in session.peek.take():
                dead_letters += map(session.dead_letter, messages)
                advance(len(messages))
                if len(dead_letters) >= limit:
                    break
        if total > limit:
            click.echo(f"These are {limit:,} of about {_messages(total)}; --limit looks at more.", err=True)
        return sorted(dead_letters[:limit], key=lambda dead_letter: dead_letter.accepted_at or 0)

    dead_letters = _run(look)
    if as_json:
        print_json(dead_letters)
        return
    from cli.dead_letter_table import print_dead_letters  # noqa: PLC0415 (loads rich)

    print_dead_letters(dead_letters)


@dlq.command()
@click.argument("id_", metavar="ID")
@click.option(
    "--payload",
    is_flag=True,
    help="Also print the events, one CloudEvents JSON object a line, or the text of an unreadable message.",
)
@json_option
def show(*, id_: str, payload: bool, as_json: bool) -> None:
    """Show the contents of the message ID."""

    async def look(session: DlqSession) -> tuple[DeadLetter, Message] | None:
        found = await session.find([id_])
        return (session.dead_letter(found[0]), found[0]) if found else None

    shown = _run(look)
    if shown is None:
        sys.exit(1)
    dead_letter, message = shown
    if as_json:
        print_json({**msgspec.to_builtins(dead_letter), **(_payload(dead_letter, message) if payload else {})})
        return
    from cli.dead_letter_table import print_dead_letter, print_raw  # noqa: PLC0415 (loads rich)

    print_dead_letter(dead_letter)
    if payload and not dead_letter.is_readable:
        print_raw(message.body)
    for event in payloads_of(message) if payload else ():
        # In JSON, line breaks occur only between tokens, where white space has no meaning.
        click.echo(bytes(event).replace(b"\r", b" ").replace(b"\n", b" "))


def _payload(dead_letter: DeadLetter, message: Message) -> dict[str, Any]:
    """Return the events of a message, or its whole text, in which everything but ASCII is escaped."""
    if dead_letter.is_readable:
        return {"payloads": payloads_of(message)}
    return {"payloads": [], "raw": msgspec.Raw(json.dumps(message.body).encode())}


@dlq.command("redrive")
@_ids
@click.option("--all", "everything", is_flag=True, help="Every message that is in the DLQ now.")
@json_option
def redrive_(*, ids: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Send messages to the queue again, after the cause is fixed.

    May be stopped at any time and run again: a message is deleted only once its copy is in the queue, and an event
    that is sent twice is stored once.
    """
    if bool(ids) == everything:
        raise click.UsageError("Specify message ids, or --all.")

    async def move(session: DlqSession) -> tuple[int, int]:
        # Counted first: messages that fail again return to the DLQ, and would otherwise be moved again and again.
        total = await session.dlq.backlog() if everything else len(set(ids))
        seen = moved = 0
        with counting("Redriving", total, sys.stderr) as advance:
            async for messages in _chosen(session, ids, total):
                seen += len(messages)
                moved += await redrive(session.peek, messages, session.queue, fair=session.settings.fair_queues)
                advance(len(messages))
        return moved, (seen if everything else total) - moved

    _report("redriven", *_run(move), as_json=as_json)


@dlq.command()
@_ids
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def drop(*, ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete messages permanently; their events are lost."""
    if not ids:
        raise click.UsageError("Specify message ids.")
    if not yes:
        click.confirm(f"Delete {_messages(len(set(ids)))} permanently?", abort=True, err=True)

    async def delete(session: DlqSession) -> tuple[int, int]:
        found = await session.find(ids)
        for some in batches(found, MAX_MESSAGES):
            await session.peek.delete(some)
        return len(found), len(set(ids)) - len(found)

    _report("dropped", *_run(delete), as_json=as_json)


async def _chosen(session: DlqSession, ids: Sequence[str], total: int) -> AsyncIterator[Sequence[Message]]:
    """Yield the messages with these `ids`; without ids, the first `total`."""
    if ids:
        yield await session.find(ids)
        return
    async for messages in session.peek.take():
        yield messages[:total]
        total -= len(messages)
        if total <= 0:
            return


def _run(work: Callable[[DlqSession], Coroutine[Any, Any, _T]]) -> _T:
    async def run() -> _T:
        async with _opened(settings.load(os.environ)) as session:
            return await work(session)

    return asyncio.run(run())


@asynccontextmanager
async def _opened(loaded: settings.Settings) -> AsyncIterator[DlqSession]:
    async with aclosing(connect(loaded, SystemClock())) as backend:
        dlq_, queue = await backend.dlq(), await backend.queue()
        async with peek_dlq(dlq_) as peek:
            yield DlqSession(loaded, peek, dlq_, queue)


def _report(done: str, count: int, left: int, *, as_json: bool) -> None:
    """Print the result; exit with 1 if it is not everything that was requested."""
    if as_json:
        print_json({done: count, "left": left})
    else:
        click.echo(f"{_messages(count)} {done}{f', {left:,} not' if left else ''}.")
    if left:
        sys.exit(1)


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"
