"""Convert a file with one event per line to bodies of `POST /v1/events`. Lines are joined, never re-encoded."""

import hashlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from shared.model.event import MAX_REQUEST_BYTES

JSON = "application/json"
CLOUDEVENTS = "application/cloudevents-batch+json"

MAX_LINE_BYTES = MAX_REQUEST_BYTES - len(b"[]")
"""A single event is sent as an array of one, which adds two brackets."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The body of one request, and the line number of each of its events in the file."""

    lines: tuple[int, ...]
    body: bytes
    media_type: str

    @property
    def key(self) -> str:
        """A name for the batch: equal for equal lines at the same place in a file."""
        return f"send-{hashlib.sha256(self.body).hexdigest()[:32]}-{self.lines[0]}"


class BadLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that can't be sent, and the reason."""

    line: int
    why: str


class _Object(msgspec.Struct):
    """Any JSON object. One with a `specversion` is a CloudEvent, as `triggers tail` prints it."""

    specversion: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_object = msgspec.json.Decoder(_Object)


def read(file: BinaryIO, size: int) -> Iterator[Batch | BadLine]:
    """Yield the events of `file` in batches of up to `size` that fit a request; empty lines are skipped.

    A batch has one media type: CloudEvents and events in plain JSON are not mixed.
    """
    pending = _Pending()
    for number, line in _lines(file):
        if why := _objection(line):
            yield BadLine(line=number, why=why)
            continue
        media_type = _media_type(line)
        if pending.events and (len(pending.events) == size or not pending.takes(line, media_type)):
            yield pending.batch()
            pending = _Pending()
        pending.add(number, line, media_type)
    if pending.events:
        yield pending.batch()


class _Pending:
    """A batch that grows."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self._lines: list[int] = []
        self._media_type = ""
        self._room = MAX_REQUEST_BYTES - 1

    def takes(self, line: bytes, media_type: str) -> bool:
        """Return whether a further event fits."""
        return media_type == self._media_type and len(line) + 1 <= self._room  # a comma, or the last bracket

    def add(self, number: int, line: bytes, media_type: str) -> None:
        """Add an event."""
        self.events.append(line)
        self._lines.append(number)
        self._media_type = media_type
        self._room -= len(line) + 1

    def batch(self) -> Batch:
        """Return the request."""
        body = b"[" + b",".join(self.events) + b"]"
        return Batch(lines=tuple(self._lines), body=body, media_type=self._media_type)


def _media_type(line: bytes) -> str:
    return JSON if _object.decode(line).specversion is msgspec.UNSET else CLOUDEVENTS


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not empty, with its number; of a line that is too long, only the first part."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 2):
        number += 1
        if number == 1:
            line = line.removeprefix(BOM_UTF8)
        rest, is_cut = line, False
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE_BYTES)):
            is_cut = True  # a line of gigabytes must not exhaust the memory
        if is_cut or (line := line.strip(b" \t\r\n")):
            yield number, line


def _objection(line: bytes) -> str | None:
    """Return why `line` can't be an event, None if it can; its members are left to the API to check.

    A line that would make its batch invalid must be found here; otherwise the whole batch would be refused.
    """
    if len(line) > MAX_LINE_BYTES:
        return f"is longer than {MAX_LINE_BYTES:,} bytes"
    try:
        line.decode()
        _object.decode(line)
    except UnicodeDecodeError:
        return "is not valid UTF-8"
    except msgspec.ValidationError:
        return "is not a JSON object"
    except msgspec.DecodeError as error:
        return f"is not JSON: {error}"
    except RecursionError:
        return "is nested too deeply"
    return None
