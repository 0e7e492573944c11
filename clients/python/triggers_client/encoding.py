"""Encode an event as JSON, and name the place of a value that JSON can't represent.

Besides JSON's own types: dates and times become RFC 3339 text, in UTC with `Z` (without a time zone they are refused,
since readers could not know the instant); a UUID becomes its canonical text; a Decimal becomes text with all its
digits, since most readers parse numbers as binary floating point, which would change them.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from triggers_client.errors import InvalidEvent
from triggers_client.events import Event


def encode(event: Event, index: int) -> bytes:
    """Return the event as JSON. Raises `InvalidEvent` with the place of what can't be encoded; `index` begins it."""
    if isinstance(event, bytes):
        return event
    if not isinstance(event, Mapping):
        raise InvalidEvent(index=index, pointer=f"/{index}", detail="is neither a mapping nor bytes")
    try:
        return json.dumps(
            event, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_standard_form
        ).encode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        pointer, detail = _find(event, index) or (f"/{index}", str(error))
        raise InvalidEvent(index=index, pointer=pointer, detail=detail) from None


def _standard_form(value: object) -> object:
    """Return `value`, of a type that JSON lacks, in the form that one expects."""
    match value:
        case datetime() if value.tzinfo is None:
            raise ValueError("is a datetime without a time zone; add one, for example datetime.now(UTC)")
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() | UUID():
            return str(value)
        case Decimal() if value.is_finite():
            return str(value)
        case Mapping():
            return dict(value)
    raise ValueError(_objection(value))


def _objection(value: object) -> str:
    match value:
        case float() | Decimal():
            return f"is {value}; JSON has only finite numbers"
        case bytes() | bytearray() | memoryview():
            return "is bytes; encode them as text, for example with base64"
        case set() | frozenset():
            return "is a set, which has no order; convert it to a list"
    return f"is of type {type(value).__name__}, which JSON does not have"


def _find(event: object, index: int) -> tuple[str, str] | None:
    """Return the pointer to the first value that can't be encoded, and the reason; None if there is none."""
    try:
        return next(_faults(event, f"/{index}", ()), None)
    except RecursionError:
        return f"/{index}", "is nested too deeply"


def _faults(value: object, pointer: str, within: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    if id(value) in within:
        yield pointer, "contains itself"
    elif isinstance(value, str):
        if not _is_unicode(value):
            yield pointer, "contains half of a surrogate pair, which is no character"
    elif isinstance(value, (Mapping, list, tuple)):
        members = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, member in members:
            place = f"{pointer}/{_escaped(name)}"
            if not (name is None or isinstance(name, (str, int, float))):
                yield place, f"has a name of type {type(name).__name__}; names are text"
            elif isinstance(name, float) and not math.isfinite(name):
                yield place, f"has the name {name}; names are text"
            elif isinstance(name, str) and not _is_unicode(name):
                yield place, "has a name that contains half of a surrogate pair, which is no character"
            else:
                yield from _faults(member, place, (*within, id(value)))
    else:
        try:
            json.dumps(value, allow_nan=False, default=_standard_form)
        except (ValueError, OverflowError) as error:
            yield pointer, _objection(value) if isinstance(value, float) else str(error)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _escaped(name: object) -> str:
    """Return `name` as a part of a JSON pointer that can be printed."""
    text = str(name).encode(errors="backslashreplace").decode()
    return text.replace("~", "~0").replace("/", "~1")
