"""Checks on JSON text that is never parsed whole: an object's fields, names given more than once, nesting depth."""

import json
import re
from array import array
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate

import msgspec
from msgspec import Raw

_QUOTE = b'"'

_object = msgspec.json.Decoder(dict[str, Raw])
# Only names matter here, so digits stay strings: Python refuses to convert more than 4,300 of them.
_pairs = json.JSONDecoder(object_pairs_hook=list, parse_int=str, parse_float=str)

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STEP = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


def fields_of(item: bytes | Raw) -> dict[str, bytes]:
    """Return the raw values of a JSON object by name; the last one where a name is given more than once.

    Raises `msgspec.ValidationError` if `item` is JSON but not an object, and `msgspec.DecodeError` or `RecursionError`
    if it is not JSON.
    """
    return {name: bytes(value) for name, value in _object.decode(item).items()}


def duplicates(item: bytes, fields: Mapping[str, bytes]) -> list[str]:
    """Return the names that the object `item`, whose `fields` are given, contains more than once.

    Parsers disagree on which of two values counts, so an envelope must not leave that choice to them.
    """
    # Without duplicates, the quotes in `item` are two around each name and those in its value. Only a duplicate, or a
    # name with a quote in it, adds more. So counting nearly always settles it.
    if item.count(_QUOTE) == 2 * len(fields) + sum(value.count(_QUOTE) for value in fields.values()):
        return []
    try:
        names = Counter(name for name, _ in _pairs.decode(item.decode()))
    except RecursionError:
        return []  # rejected for its depth elsewhere
    return [name for name, count in names.items() if count > 1]


def deeper_than(limit: int, value: bytes | Raw) -> bool:
    """Return whether the well-formed JSON `value` has more than `limit` levels of arrays and objects.

    Parsers give up at different depths, so the limit is enforced here.
    """
    text = bytes(value)
    # Nearly always its length, or the number of opening brackets, including those in strings, settles it.
    if len(text) <= 2 * limit or text.count(b"[") + text.count(b"{") <= limit:
        return False
    brackets = without_strings(text).translate(_STEP, _NOT_BRACKETS)
    # As signed bytes, an opening bracket is 1 and a closing one -1, so the running sum is the depth.
    return max(accumulate(array("b", brackets)), default=0) > limit


def without_strings(text: bytes) -> bytes:
    """Return the well-formed JSON `text` without its strings."""
    return _STRING.sub(b"", text)
