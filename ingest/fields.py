"""The rules for the fields of an event, written once: as types for the fast decoder, as sentences for the faults."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from shared.event import INBOX_PATTERN

MAX_TEXT_LENGTH = 255

# No control characters and none that Unicode says are no characters: they are of no use in a name, and harm logs,
# terminals and XML. `data` may hold them.
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
_TEXT_PATTERN = f"\\A[^\\x00-\\x1f\\x7f-\\x9f{_NONCHARACTERS}]+\\Z"
# RFC 3986's characters, `%` only before two hex digits, and one fragment at most.
_URI_CHARACTER = "(?:[A-Za-z0-9._~:/?\\[\\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
_SOURCE_PATTERN = f"\\A{_URI_CHARACTER}*(?:#{_URI_CHARACTER}*)?\\Z"
_TIME_PATTERN = r"\A\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z"

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_LENGTH, pattern=_TEXT_PATTERN)]
Source = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_LENGTH, pattern=_SOURCE_PATTERN)]
Inbox = Annotated[str, Meta(max_length=64, pattern=f"\\A{INBOX_PATTERN.pattern}\\Z")]
# A string, for what was posted is kept as it was: a datetime would cut nanoseconds.
Time = Annotated[str, Meta(max_length=64, pattern=_TIME_PATTERN)]

_is_text = re.compile(_TEXT_PATTERN).match
_aware_datetime = Annotated[dt.datetime, Meta(tz=True)]

_TEXT_RULE = "is a string of 1..255 characters, none of them a control character or a noncharacter"
RULES: Mapping[str, str] = {
    "type": f"`type` {_TEXT_RULE}.",
    "id": f"`id` {_TEXT_RULE}.",
    "subject": f"`subject` {_TEXT_RULE}.",
    "source": "`source` is a URI-reference of 1..255 ASCII characters.",
    "time": "`time` is a date and time as in RFC 3339, such as 2026-01-31T12:00:00Z.",
    "inbox": "`inbox` is 1..64 of a-z, 0-9, dot, hyphen and underscore, and starts with a letter or digit.",
}


class Posted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event as a producer posts it."""

    type: Text
    data: Raw | UnsetType = UNSET
    id: Text | UnsetType = UNSET
    source: Source | UnsetType = UNSET
    subject: Text | UnsetType = UNSET
    time: Time | UnsetType = UNSET
    inbox: Inbox | UnsetType = UNSET


FIELDS: Mapping[str, "msgspec.json.Decoder[str]"] = {
    "type": msgspec.json.Decoder(Text),
    "id": msgspec.json.Decoder(Text),
    "subject": msgspec.json.Decoder(Text),
    "source": msgspec.json.Decoder(Source),
    "time": msgspec.json.Decoder(Time),
    "inbox": msgspec.json.Decoder(Inbox),
}
"""The same rules, a field at a time."""


def is_text(value: str) -> bool:
    """Tell whether `value` may be an id, a type or a subject."""
    return len(value) <= MAX_TEXT_LENGTH and _is_text(value) is not None


def is_time(value: str) -> bool:
    """Tell whether `value`, which has the shape of a time, is one: there is no 30th of February."""
    try:
        msgspec.convert(value.upper(), _aware_datetime)
    except msgspec.ValidationError:
        return False
    return True
