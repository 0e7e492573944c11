"""`triggers send`: post a file of events."""

import asyncio
import io
import os
import stat
import sys
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO

import click
import msgspec

from cli.event_file import BadLine, Batch, read
from cli.http import Api, ApiError, describe, problem_of, resolve, target_options
from cli.output import json_option, print_json
from cli.progress import Progress, showing
from cli.samples import NAMES
from cli.samples import sample as sample_line
from shared.model.errors import Fault
from shared.model.event import MAX_EVENTS_PER_REQUEST

if TYPE_CHECKING:
    import httpx

_MAX_FAULTS_SHOWN = 20
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
"""Answers that concern only this batch; any other would be the answer to the following batches, too."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """Output of `triggers send --json`: numbers of events. Unless `complete`, the rest was not sent or not answered."""

    accepted: int
    refused: int
    complete: bool


@click.command()
@click.argument("file", type=click.File("rb"), required=False)
@target_options
@click.option("--inbox", help="Inbox for events that do not name one.  [default: default]")
@click.option(
    "--batch",
    "size",
    default=100,
    show_default=True,
    type=click.IntRange(1, MAX_EVENTS_PER_REQUEST),
    help="Maximum number of events per request.",
)
@click.option("--in-flight", default=4, show_default=True, type=click.IntRange(1, 32), help="Concurrent requests.")
@click.option("--fresh", is_flag=True, help="Send the events as new ones, even if the same file was sent before.")
@click.option(
    "--sample",
    type=click.Choice(NAMES),
    metavar="NAME",
    help=f"Send a sample instead of a file: {', '.join(NAMES)}. Each time, it is a new event.",
)
@json_option
def send(
    *,
    file: BinaryIO | None,
    url: str | None,
    api_key: str | None,
    inbox: str | None,
    size: int,
    in_flight: int,
    fresh: bool,
    sample: str | None,
    as_json: bool,
) -> None:
    """Post the events in FILE (`-`: standard input), one JSON object per line.

    A line: {"type":"order.created","data":{"order":1042}}

    Fields are those of POST /v1/events: type is required; data, id, source, subject, time and inbox are not.
    A line with a specversion is a CloudEvent, so the output of `triggers tail` can be sent, too. Lines are sent as they
    are.

    Events without an id get one from their batch: a hash of its lines and its place in the file. So a
    request that is repeated, or this whole command run again with the same file and --batch, lists nothing twice
    within the deduplication window (5 minutes by default). --fresh turns that off between runs.

    A batch is accepted or refused as a whole; the faults of those refused are listed by line on standard error.
    """
    if (file is None) == (sample is None):
        raise click.UsageError("Specify either FILE or --sample.")
    if file is None:
        file, fresh = io.BytesIO(sample_line(sample or "")), True
    target = resolve(url, api_key)
    salt = f"{uuid.uuid4().hex[:8]}-" if fresh else ""
    with showing(_size_of(file), sys.stderr) as progress:
        sender = _Sender(Api(target, progress.notice), progress, inbox=inbox, salt=salt)
        try:
            asyncio.run(sender.run(read(file, size), in_flight))
        except KeyboardInterrupt as interrupt:
            sender.stopped_by = interrupt
    sender.conclude(as_json=as_json)


class _Sender:
    """Sends several batches concurrently, and counts the results of their events."""

    def __init__(self, api: Api, progress: Progress, *, inbox: str | None, salt: str) -> None:
        self._api = api
        self._progress = progress
        self._params = {} if inbox is None else {"inbox": inbox}
        self._salt = salt
        self._accepted = 0
        self._refused = 0
        self.stopped_by: ApiError | KeyboardInterrupt | None = None

    async def run(self, todo: Iterator[Batch | BadLine], in_flight: int) -> None:
        """Send everything, or stop at the first answer that the rest would also get."""
        async with self._api, asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(self._work(todo))

    def conclude(self, *, as_json: bool) -> None:
        """Print the result; if it is incomplete, raise the error that stopped it, or exit with 1."""
        if as_json:
            sent = Sent(accepted=self._accepted, refused=self._refused, complete=self.stopped_by is None)
            print_json(sent)
        else:
            click.echo(f"{_events(self._accepted)} accepted, {self._refused:,} refused.")
        if self.stopped_by:
            # Requests in flight may have been accepted; sent again under the same name, they add no second event.
            rest = (
                "with --fresh, everything would be sent as new" if self._salt else "repeat the command to send the rest"
            )
            click.echo(f"Not everything was sent; {rest}.", err=True)
            raise self.stopped_by
        if self._refused:
            sys.exit(1)

    async def _work(self, todo: Iterator[Batch | BadLine]) -> None:
        # All workers share one iterator. When one gives up, requests in flight are still awaited and counted.
        for item in todo:
            match item:
                case BadLine(line=line, why=why):
                    self._refuse(1, [f"line {line} {why}"])
                case Batch():
                    try:
                        await self._post(item)
                    except ApiError as error:
                        self.stopped_by = self.stopped_by or error
            if self.stopped_by:
                return

    async def _post(self, batch: Batch) -> None:
        headers = {"Content-Type": batch.media_type, "Idempotency-Key": f'"{self._salt}{batch.key}"'}
        answer = await self._api.request("POST", "/v1/events", params=self._params, content=batch.body, headers=headers)
        if answer.status_code in _REFUSED:
            self._refuse(len(batch.lines), _complaints(answer, batch))
        elif answer.status_code == HTTPStatus.ACCEPTED:
            self._accepted += len(batch.lines)
        else:
            raise ApiError(describe(answer))
        self._progress.advance(len(batch.body), len(batch.lines))

    def _refuse(self, count: int, complaints: list[str]) -> None:
        self._refused += count
        for complaint in complaints[:_MAX_FAULTS_SHOWN]:
            self._progress.notice(complaint)
        if len(complaints) > _MAX_FAULTS_SHOWN:
            self._progress.notice(f"  and {len(complaints) - _MAX_FAULTS_SHOWN:,} more faults")


def _complaints(answer: "httpx.Response", batch: Batch) -> list[str]:
    """Return the faults of a batch, one per line."""
    first, last = batch.lines[0], batch.lines[-1]
    problem = problem_of(answer)
    head = f"lines {first}-{last} refused, {answer.status_code}: {problem.detail or answer.reason_phrase}"
    return [head, *(f"  {_where(fault, batch)}{fault.detail}" for fault in problem.errors)]


def _where(fault: Fault, batch: Batch) -> str:
    """Return the line of the file that a fault's pointer, such as `/16/type`, refers to."""
    index, _, _ = (fault.pointer or "").removeprefix("/").partition("/")
    if index.isascii() and index.isdigit() and int(index) < len(batch.lines):
        return f"line {batch.lines[int(index)]}: "
    return ""


def _size_of(file: BinaryIO) -> int | None:
    """Return the size of `file` in bytes, None if it is not a regular file."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"
