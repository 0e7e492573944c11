"""Fits the text of senders into the limits of event attributes: deterministically, without rejecting anything."""

import hashlib
import re

import msgspec

from ingest.formats.attributes import OURS, PATTERNS
from ingest.formats.fields import MAX_TEXT_LENGTH, Time, is_time
from shared.clock import rfc3339
from shared.model.event import TEXT_CHARACTER

_REPLACEMENT = "\ufffd"
_bad = re.compile(rf"(?!{TEXT_CHARACTER})[\s\S]|[\ud800-\udfff]")
_number = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,9})?", re.ASCII).fullmatch
_FIRST_MILLISECONDS = 100_000_000_000  # smaller numbers are seconds
_LAST_MS = 253_402_300_799_999  # the year 9999
_MARK = "~"
_MAX_NAME = 20
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_TAKEN = OURS | {
    *("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"),
    *("traceparent", "tracestate"),
}
_media_type = re.compile(PATTERNS["datacontenttype"]).match
_DIGEST_LENGTH = 64


def text(value: str, length: int = MAX_TEXT_LENGTH) -> str:
    """Return `value` with U+FFFD for characters that attributes can't hold, truncated to `length` characters."""
    if value.isascii() and value.isprintable():  # nearly always; the pattern takes 3 µs
        return value[:length]
    return _bad.sub(_REPLACEMENT, value[:length])


def unique_text(value: str) -> str:
    """Return `value` if it is a valid id, otherwise its start and its SHA-256, which keeps different values apart."""
    clean = text(value)
    if clean == value:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{clean[: MAX_TEXT_LENGTH - _DIGEST_LENGTH - 1]}{_MARK}{digest}"


def time(value: str) -> str | None:
    """Return an RFC 3339 time unchanged, and epoch seconds or milliseconds as one; None for anything else."""
    if _number(value):
        number = float(value)
        time_ms = int(number if number >= _FIRST_MILLISECONDS else number * 1000)
        return rfc3339(time_ms) if time_ms <= _LAST_MS else None
    try:
        msgspec.convert(value, Time)
    except msgspec.ValidationError:
        return None
    return value if is_time(value) else None


def media_type(value: str) -> bool:
    """Return whether `value` is a valid `datacontenttype`."""
    return len(value) <= MAX_TEXT_LENGTH and _media_type(value) is not None


def extension_name(header: str) -> str:
    """Return the attribute name for a header: up to 20 of a-z and 0-9.

    X-GitHub-Hook-ID becomes githubhookid. A longer name is truncated and ends with four digits of its hash.
    """
    name = "".join(character for character in header.lower().removeprefix("x-") if character in _NAME_CHARACTERS)
    if len(name) > _MAX_NAME:
        name = name[: _MAX_NAME - 4] + hashlib.sha256(header.lower().encode()).hexdigest()[:4]
    return f"header{name}"[:_MAX_NAME] if not name or name in _TAKEN else name
