"""The rules for the fields of an event: as types for decoders, and as sentences for faults.

Patterns would take four fifths of the time to decode an event. So the decoder of the fast path checks only types and
lengths, and `is_sound` checks the rest cheaply: most names are plain ASCII, and most sources have been seen before.
"""

import datetime as dt
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from ingest.formats.raw_json import deeper_than
from shared.model.event import INBOX_PATTERN, MAX_DATA_DEPTH, TEXT_CHARACTER

MAX_TEXT_LENGTH = 255

_TEXT_PATTERN = f"\\A{TEXT_CHARACTER}+\\Z"
# RFC 3986: `%` only before two hex digits, brackets only around an IP address, at most one fragment; a reference
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
# A string, to keep the posted text: a datetime would drop nanoseconds.
Time = Annotated[str, Meta(max_length=64, pattern=_TIME_PATTERN)]

_text_pattern = re.compile(_TEXT_PATTERN)
_source_pattern = re.compile(SOURCE_PATTERN)
_time_pattern = re.compile(_TIME_PATTERN)
_aware_datetime = Annotated[dt.datetime, Meta(tz=True)]

_TEXT_RULE = (
    "must be a string of 1 to 255 characters without control characters, noncharacters or halves of surrogate pairs"
)
RULES: Mapping[str, str] = {
    "type": f"`type` {_TEXT_RULE}.",
    "id": f"`id` {_TEXT_RULE}.",
    "subject": f"`subject` {_TEXT_RULE}.",
    "source": "`source` must be a URI reference of 1 to 255 ASCII characters.",
    "time": "`time` must be an RFC 3339 date and time, such as 2026-01-31T12:00:00Z.",
    "inbox": "`inbox` must be 1 to 64 characters (a-z, 0-9, dot, hyphen, underscore) and start with a letter or digit.",
}

_Short = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_LENGTH)]
_Shorter = Annotated[str, Meta(min_length=1, max_length=64)]


class PostedEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event as a producer posts it; valid only if `is_sound` returns true too."""

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
"""The same rules, one field at a time."""


def is_sound(item: PostedEvent) -> bool:
    """Return whether `item` also follows the rules that the decoder does not check."""
    return (
        is_text(item.type)
        and (item.id is UNSET or is_text(item.id))
        and (item.source is UNSET or _is_source(item.source))
        and (item.subject is UNSET or is_text(item.subject))
        and (item.time is UNSET or _is_time(item.time))
        and (item.inbox is UNSET or INBOX_PATTERN.fullmatch(item.inbox) is not None)
        and (item.data is UNSET or not deeper_than(MAX_DATA_DEPTH, item.data))
    )


def is_text(value: str) -> bool:
    """Return whether `value` is valid as an id, a type or a subject."""
    if not 1 <= len(value) <= MAX_TEXT_LENGTH:
        return False
    return (value.isascii() and value.isprintable()) or _text_pattern.match(value) is not None


@lru_cache(maxsize=1024)  # producers have few sources
def _is_source(value: str) -> bool:
    return _source_pattern.match(value) is not None


def _is_time(value: str) -> bool:
    return _time_pattern.match(value) is not None and is_time(value)


def is_time(value: str) -> bool:
    """Return whether `value`, which has the form of a time, exists: February 30 does not."""
    try:
        msgspec.convert(value.upper(), _aware_datetime)
    except msgspec.ValidationError:
        return False
    return True
