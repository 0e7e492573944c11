"""The rules for the fields of an event, written once: as types for decoders, as sentences for the faults.

Patterns make up four fifths of the time in which an event is decoded. So the decoder of the fast path knows only
types and lengths, and `is_sound` adds what is missing: most names are plain ASCII, and most sources were seen before.
"""

import datetime as dt
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from ingest.formats.depth import deeper_than
from shared.model.event import INBOX_PATTERN, MAX_DATA_DEPTH, TEXT_CHARACTER

MAX_TEXT_LENGTH = 255

_TEXT_PATTERN = f"\\A{TEXT_CHARACTER}+\\Z"
# RFC 3986: `%` only before two hex digits, brackets only around an IP address, one fragment at most; a reference
# without a scheme has no colon in its first segment.
_URI_CHARACTER = "(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
_SCHEME = "[A-Za-z][A-Za-z0-9+.-]*:"
_AFTER_SCHEME = f"(?://(?:{_URI_CHARACTER}*@)?\\[[0-9A-Fa-f:.]+\\](?::[0-9]*)?(?=[/?#]|\\Z))?{_URI_CHARACTER}*(?:#{_URI_CHARACTER}*)?"
SOURCE_PATTERN = f"\\A(?:{_SCHEME}|(?![^/?#]*:)){_AFTER_SCHEME}\\Z"
URI_PATTERN = f"\\A{_SCHEME}{_AFTER_SCHEME}\\Z"
_TIME_PATTERN = r"\A\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z"

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_LENGTH, pattern=_TEXT_PATTERN)]
Source = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_LENGTH, pattern=SOURCE_PATTERN)]
Inbox = Annotated[str, Meta(max_length=64, pattern=f"\\A{INBOX_PATTERN.pattern}\\Z")]
# A string, for what was posted is kept as it was: a datetime would cut nanoseconds.
Time = Annotated[str, Meta(max_length=64, pattern=_TIME_PATTERN)]

_text_pattern = re.compile(_TEXT_PATTERN)
_source_pattern = re.compile(SOURCE_PATTERN)
_time_pattern = re.compile(_TIME_PATTERN)
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


_Short = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_LENGTH)]
_Shorter = Annotated[str, Meta(min_length=1, max_length=64)]


class Posted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event as a producer posts it; right only if `is_sound` says so too."""

    type: _Short
    data: Raw | UnsetType = UNSET
    id: _Short | UnsetType = UNSET
    source: _Short | UnsetType = UNSET
    subject: _Short | UnsetType = UNSET
    time: _Shorter | UnsetType = UNSET
    inbox: _Shorter | UnsetType = UNSET


FIELDS: Mapping[str, "msgspec.json.Decoder[str]"] = {
    "type": msgspec.json.Decoder(Text),
    "id": msgspec.json.Decoder(Text),
    "subject": msgspec.json.Decoder(Text),
    "source": msgspec.json.Decoder(Source),
    "time": msgspec.json.Decoder(Time),
    "inbox": msgspec.json.Decoder(Inbox),
}
"""The same rules, a field at a time."""


def is_sound(item: Posted) -> bool:
    """Tell what the decoder can't: whether the names follow the rules, times exist, and `data` is not too deep."""
    return (
        is_text(item.type)
        and (item.id is UNSET or is_text(item.id))
        and (item.source is UNSET or _is_source(item.source))
        and (item.subject is UNSET or is_text(item.subject))
        and (item.time is UNSET or _is_time(item.time))
        and (item.inbox is UNSET or INBOX_PATTERN.fullmatch(item.inbox) is not None)
        and (item.data is UNSET or not deeper_than(MAX_DATA_DEPTH, bytes(item.data)))
    )


def is_text(value: str) -> bool:
    """Tell whether `value` may be an id, a type or a subject."""
    if not 1 <= len(value) <= MAX_TEXT_LENGTH:
        return False
    return (value.isascii() and value.isprintable()) or _text_pattern.match(value) is not None


@lru_cache(maxsize=1024)  # producers have few sources
def _is_source(value: str) -> bool:
    return _source_pattern.match(value) is not None


def _is_time(value: str) -> bool:
    return _time_pattern.match(value) is not None and is_time(value)


def is_time(value: str) -> bool:
    """Tell whether `value`, which has the shape of a time, is one: there is no 30th of February."""
    try:
        msgspec.convert(value.upper(), _aware_datetime)
    except msgspec.ValidationError:
        return False
    return True
