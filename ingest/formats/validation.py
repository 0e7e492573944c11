"""Checks a body's UTF-8, and reads a body that the fast decoder refused again, to list every fault."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from ingest.formats.fields import FIELDS, RULES, is_time
from ingest.formats.raw_json import deeper_than, duplicates, fields_of
from shared.model.errors import Fault, InvalidEvent, echo, pointer_to
from shared.model.event import MAX_DATA_DEPTH, MAX_EVENTS_PER_REQUEST

MAX_FAULTS = 1000
"""Limit on the faults in an answer: a body of 512 KiB can hold 100,000."""

TOO_DEEP = f"`data` nests deeper than {MAX_DATA_DEPTH} levels."
NOT_AN_OBJECT = "An event must be a JSON object."

_batch = msgspec.json.Decoder(list[Raw])
# Stops at the element after the last one allowed, whatever it is: no value is in an empty range.
_first = msgspec.json.Decoder(tuple[(Raw,) * MAX_EVENTS_PER_REQUEST + (Annotated[int, Meta(gt=0, lt=0)],)])  # type: ignore[misc]
_STOPPED = f"- at `$[{MAX_EVENTS_PER_REQUEST}]`"


def utf8(body: bytes) -> bytes:
    """Return `body` without its byte order mark; raise `InvalidEvent` unless it is UTF-8.

    msgspec checks the grammar of values that it skips, but not their UTF-8.
    """
    body = body.removeprefix(BOM_UTF8)
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise malformed(body, error) from None
    return body


def malformed(body: bytes, error: Exception) -> InvalidEvent:
    """Return the error for a body that is not JSON."""
    return InvalidEvent("The body cannot be parsed as JSON.", [Fault(detail=reason(body, error))])


def reason(text: bytes, error: Exception) -> str:
    """Return a sentence that says why `text` cannot be parsed as JSON."""
    if isinstance(error, UnicodeDecodeError):
        return f"The body is not valid UTF-8 (byte {error.start})."
    if isinstance(error, RecursionError):
        return f"The JSON nests deeper than {MAX_DATA_DEPTH} levels."
    if not text.strip():
        return "The body is empty."
    if str(error) == "Input data was truncated":
        # The decoder reports half of a surrogate pair, escaped near the end, in the same way.
        return f"The JSON ends unexpectedly, or escapes half of a surrogate pair (byte {len(text)})."
    return f"{error}."


def explain(body: bytes) -> InvalidEvent:
    """Return the error for a body that is JSON but contains an invalid event."""
    if body.lstrip()[:1] != b"[":
        return invalid(faults_of(Raw(body), ""), single=True)
    items = items_of(body)
    if fault := count_fault(len(items)):
        return fault
    return invalid((fault for index, item in enumerate(items) for fault in faults_of(item, f"/{index}")), single=False)


def items_of(body: bytes) -> list[Raw]:
    """Return the elements of an array, or as many as it takes to refuse it: a body of 512 KiB can hold 262,144.

    Raises what the decoder raises if `body` is not an array.
    """
    try:
        _first.decode(body)
    except msgspec.ValidationError as error:
        if str(error).endswith(_STOPPED):
            return [Raw(b"0")] * (MAX_EVENTS_PER_REQUEST + 1)
    return _batch.decode(body)


def invalid(faults: Iterable[Fault], *, single: bool) -> InvalidEvent:
    """Return the error that lists the first `MAX_FAULTS` of `faults`."""
    detail = "The event is invalid." if single else "The batch contains invalid events. None were accepted."
    return InvalidEvent(detail, list(islice(faults, MAX_FAULTS)))


def count_fault(count: int) -> InvalidEvent | None:
    """Return the error for a batch of `count` events, or None if that many are allowed."""
    if 1 <= count <= MAX_EVENTS_PER_REQUEST:
        return None
    contents = "more" if count else "none"
    detail = f"A batch must contain 1 to {MAX_EVENTS_PER_REQUEST} events; this one contains {contents}."
    return InvalidEvent(detail, [Fault(detail=detail, pointer="")])


def faults_of(item: bytes | Raw, pointer: str) -> Iterator[Fault]:
    """Yield the faults of the event at `pointer`, which is in our own envelope."""
    try:
        fields = fields_of(item)
    except msgspec.ValidationError:
        yield Fault(detail=NOT_AN_OBJECT, pointer=pointer)
        return
    yield from duplicate_faults(item, fields, pointer)
    if "type" not in fields:
        yield missing("type", pointer)
    for name, value in fields.items():
        if name == "data":
            if deeper_than(MAX_DATA_DEPTH, value):
                yield Fault(detail=TOO_DEEP, pointer=f"{pointer}/data")
        elif name not in FIELDS:
            yield Fault(detail=f"Unknown field `{echo(name)}`.", pointer=pointer_to(name, pointer))
        elif not _holds(name, value):
            yield Fault(detail=RULES[name], pointer=f"{pointer}/{name}")


def duplicate_faults(item: bytes | Raw, fields: dict[str, bytes], pointer: str) -> Iterator[Fault]:
    """Yield a fault for each name that `item` contains more than once."""
    for name in duplicates(bytes(item), fields):
        yield Fault(detail=f"`{echo(name)}` is given more than once.", pointer=pointer_to(name, pointer))


def missing(name: str, pointer: str) -> Fault:
    """Return the fault of the event at `pointer` without the required `name`."""
    return Fault(detail=f"`{name}` is missing.", pointer=f"{pointer}/{name}")


def _holds(name: str, value: bytes) -> bool:
    try:
        text = FIELDS[name].decode(value)
    except msgspec.ValidationError:
        return False
    return name != "time" or is_time(text)
