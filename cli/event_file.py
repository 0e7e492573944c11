"""Convert a file with one event per line to bodies of `POST /v1/events`. Lines are joined, never re-encoded."""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from shared.model.event import MAX_REQUEST_BYTES

MAX_LINE_BYTES = MAX_REQUEST_BYTES - len(b"[]")
"""A single event is sent as an array of one, which adds two brackets."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The body of one request, and the line number of each of its events in the file."""

    lines: tuple[int, ...]
    body: bytes

    @property
    def key(self) -> str:
        """A name for the batch: equal for equal lines at the same place in a file."""
        return f"send-{hashlib.sha256(self.body).hexdigest()[:32]}-{self.lines[0]}"


class BadLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that can't be sent, and the reason."""

    line: int
    why: str


class _Object(msgspec.Struct):
    """Any JSON object; its members are ignored."""


_object = msgspec.json.Decoder(_Object)


def read(file: BinaryIO, size: int) -> Iterator[Batch | BadLine]:
    """Yield the events of `file` in batches of up to `size` that fit a request; empty lines are skipped."""
    numbers: list[int] = []
    events: list[bytes] = []
    room = MAX_REQUEST_BYTES - 1
    for number, line in _lines(file):
        if why := _objection(line):
            yield BadLine(line=number, why=why)
            continue
        needed = len(line) + 1  # the comma, or the closing bracket
        if events and (len(events) == size or needed > room):
            yield Batch(lines=tuple(numbers), body=b"[" + b",".join(events) + b"]")
            numbers, events, room = [], [], MAX_REQUEST_BYTES - 1
        numbers.append(number)
        events.append(line)
        room -= needed
    if events:
        yield Batch(lines=tuple(numbers), body=b"[" + b",".join(events) + b"]")


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not empty, with its number; of a line that is too long, only the first part."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 2):
        number += 1
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
