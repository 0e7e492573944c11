"""The slow path: a body that the fast decoder refused is looked at again, to list everything wrong with it."""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec
from msgspec import Raw

from ingest.formats.depth import deeper_than
from ingest.formats.fields import FIELDS, RULES, is_time
from ingest.formats.objects import duplicates, fields_of
from shared.model.errors import Fault, InvalidEvent, echo, pointer_to
from shared.model.event import MAX_DATA_DEPTH, MAX_EVENTS_PER_REQUEST

MAX_FAULTS = 1000
"""An answer names no more than this: a body of 512 KiB can hold 100,000."""

TOO_DEEP = f"`data` nests deeper than {MAX_DATA_DEPTH} levels."
NO_OBJECT = "An event is a JSON object."

_batch = msgspec.json.Decoder(list[Raw])


def malformed(body: bytes, error: Exception) -> InvalidEvent:
    """Return the error for a body that is no JSON at all."""
    return InvalidEvent("The body can't be read as JSON.", [Fault(detail=reason(body, error))])


def reason(text: bytes, error: Exception) -> str:
    """Return why `text` can't be read as JSON, in a sentence."""
    if isinstance(error, UnicodeDecodeError):
        return f"The body is not valid UTF-8 (byte {error.start})."
    if isinstance(error, RecursionError):
        return f"The JSON nests deeper than {MAX_DATA_DEPTH} levels."
    if not text.strip():
        return "The body is empty."
    if str(error) == "Input data was truncated":
        # The decoder says the same of an escaped half of a surrogate pair near the end.
        return f"The JSON ends too early, or escapes half a surrogate pair (byte {len(text)})."
    return f"{error}."


def explain(body: bytes) -> InvalidEvent:
    """Return the error for a body that is JSON, but holds something that is no event."""
    if body.lstrip()[:1] != b"[":
        return invalid(faults_of(Raw(body), ""), single=True)
    items = _batch.decode(body)
    if fault := count_fault(len(items)):
        return fault
    return invalid((fault for index, item in enumerate(items) for fault in faults_of(item, f"/{index}")), single=False)


def invalid(faults: Iterable[Fault], *, single: bool) -> InvalidEvent:
    """Return the error that lists `faults`, the first `MAX_FAULTS` of them."""
    detail = "The event is invalid." if single else "The batch holds invalid events. None was accepted."
    return InvalidEvent(detail, list(islice(faults, MAX_FAULTS)))


def count_fault(count: int) -> InvalidEvent | None:
    """Return the error for a batch of `count` events, None if it may hold so many."""
    if 1 <= count <= MAX_EVENTS_PER_REQUEST:
        return None
    detail = f"A batch holds 1..{MAX_EVENTS_PER_REQUEST} events; this one {count}."
    return InvalidEvent(detail, [Fault(detail=detail, pointer="")])


def faults_of(item: bytes | Raw, pointer: str) -> Iterator[Fault]:
    """Yield what is wrong with one event in our own envelope, which is at `pointer`."""
    try:
        fields = fields_of(item)
    except msgspec.ValidationError:
        yield Fault(detail=NO_OBJECT, pointer=pointer)
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
    """Yield the names that `item` gives more than once."""
    for name in duplicates(bytes(item), fields):
        yield Fault(detail=f"`{echo(name)}` is given more than once.", pointer=pointer_to(name, pointer))


def missing(name: str, pointer: str) -> Fault:
    """Return the fault of an event, at `pointer`, that does not give `name`."""
    return Fault(detail=f"`{name}` is missing.", pointer=f"{pointer}/{name}")


def _holds(name: str, value: bytes) -> bool:
    try:
        text = FIELDS[name].decode(value)
    except msgspec.ValidationError:
        return False
    return name != "time" or is_time(text)
