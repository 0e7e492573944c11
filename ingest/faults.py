"""The slow path: a body that the fast decoder refused is looked at again, to list everything wrong with it."""

from collections.abc import Iterator
from itertools import islice

import msgspec
from msgspec import Raw

from ingest.depth import deeper_than
from ingest.fields import FIELDS, RULES, is_time
from shared.errors import Fault, InvalidEvent
from shared.event import MAX_DATA_DEPTH, MAX_EVENTS_PER_REQUEST

MAX_FAULTS = 1000
"""An answer names no more than this: a body of 512 KiB can hold 100,000."""

_MAX_ECHO = 64

TOO_DEEP = f"`data` nests deeper than {MAX_DATA_DEPTH} levels."

_batch = msgspec.json.Decoder(list[Raw])
_object = msgspec.json.Decoder(dict[str, Raw])


def malformed(body: bytes, error: Exception) -> InvalidEvent:
    """Return the error for a body that is no JSON at all."""
    if isinstance(error, UnicodeDecodeError):
        detail = f"The body is not valid UTF-8 (byte {error.start})."
    elif isinstance(error, RecursionError):
        detail = TOO_DEEP
    elif not body.strip():
        detail = "The body is empty."
    elif str(error) == "Input data was truncated":
        # The decoder says the same of an escaped half of a surrogate pair near the end.
        detail = f"The JSON ends too early, or escapes half a surrogate pair (byte {len(body)})."
    else:
        detail = f"{error}."
    return InvalidEvent("The body can't be read as JSON.", [Fault(detail=detail)])


def explain(body: bytes) -> InvalidEvent:
    """Return the error for a body that is JSON, but holds something that is no event."""
    if body.lstrip()[:1] != b"[":
        faults = _faults_of(Raw(body), "")
        detail = "The event is invalid."
    else:
        items = _batch.decode(body)
        if not 1 <= len(items) <= MAX_EVENTS_PER_REQUEST:
            detail = f"A batch holds 1..{MAX_EVENTS_PER_REQUEST} events; this one {len(items)}."
            return InvalidEvent(detail, [Fault(detail=detail, pointer="")])
        faults = (fault for index, item in enumerate(items) for fault in _faults_of(item, f"/{index}"))
        detail = "The batch holds invalid events. None was accepted."
    return InvalidEvent(detail, list(islice(faults, MAX_FAULTS)))


def _faults_of(item: Raw, pointer: str) -> Iterator[Fault]:
    try:
        fields = _object.decode(item)
    except msgspec.ValidationError:
        yield Fault(detail="An event is a JSON object.", pointer=pointer)
        return
    if "type" not in fields:
        yield Fault(detail="`type` is missing.", pointer=f"{pointer}/type")
    for name, value in fields.items():
        if name == "data":
            if deeper_than(MAX_DATA_DEPTH, bytes(value)):
                yield Fault(detail=TOO_DEEP, pointer=f"{pointer}/data")
        elif name not in FIELDS:
            shown = name if len(name) <= _MAX_ECHO else f"{name[:_MAX_ECHO]}…"
            yield Fault(detail=f"Unknown field `{shown}`.", pointer=f"{pointer}/{_escaped(shown)}")
        elif not _holds(name, value):
            yield Fault(detail=RULES[name], pointer=f"{pointer}/{name}")


def _holds(name: str, value: Raw) -> bool:
    try:
        text = FIELDS[name].decode(value)
    except msgspec.ValidationError:
        return False
    return name != "time" or is_time(text)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
