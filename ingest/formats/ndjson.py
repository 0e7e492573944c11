"""NDJSON: one event per line, in the same envelope as in `application/json`. Blank lines are ignored."""

from collections.abc import Iterator
from itertools import islice

import msgspec

from ingest.formats.fields import PostedEvent, is_sound
from ingest.formats.json import Batch, RequestDefaults, batch_of
from ingest.formats.portable import DataForm
from ingest.formats.raw_json import duplicates, fields_of
from ingest.formats.validation import count_fault, faults_of, invalid, reason, utf8
from shared.model.errors import Fault, InvalidEvent
from shared.model.event import MAX_EVENTS_PER_REQUEST

_decoder = msgspec.json.Decoder(PostedEvent)


def read_ndjson(body: bytes, defaults: RequestDefaults) -> Batch:
    """Read 1 to 1,000 lines; raise `InvalidEvent` with every fault and its line."""
    body = utf8(body)
    given = ((number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip())
    lines = list(islice(given, MAX_EVENTS_PER_REQUEST + 1))  # no more than it takes to refuse them
    if fault := count_fault(len(lines)):
        raise fault
    try:
        posted = [_decoder.decode(line) for _, line in lines]
    except (msgspec.DecodeError, RecursionError):
        raise _explained(lines) from None
    if not all(_is_sound(item, line) for item, (_, line) in zip(posted, lines, strict=True)):
        raise _explained(lines)
    return batch_of(posted, defaults, DataForm(body, defaults.mark), single=False)


def _is_sound(item: PostedEvent, line: bytes) -> bool:
    return is_sound(item) and not duplicates(line, fields_of(line))


def _explained(lines: list[tuple[int, bytes]]) -> InvalidEvent:
    return invalid(_faults(lines), single=False)


def _faults(lines: list[tuple[int, bytes]]) -> Iterator[Fault]:
    for index, (number, line) in enumerate(lines):
        try:
            found = list(faults_of(line, f"/{index}"))
        except (msgspec.DecodeError, RecursionError) as error:
            found = [Fault(detail=reason(line, error), pointer=f"/{index}")]
        for fault in found:
            yield Fault(detail=f"Line {number}: {fault.detail}", pointer=fault.pointer)
