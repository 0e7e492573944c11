"""JSON objects by their names, with values as they are written, and the names that are given more than once."""

import json
from collections import Counter
from collections.abc import Mapping

import msgspec
from msgspec import Raw

_QUOTE = b'"'

_object = msgspec.json.Decoder(dict[str, Raw])
# Only names matter here, so no number is made of any digits: Python refuses more than 4,300 of them.
_pairs = json.JSONDecoder(object_pairs_hook=list, parse_int=str, parse_float=str)


def fields_of(item: bytes | Raw) -> dict[str, bytes]:
    """Return the values of a JSON object by name, the last one where a name is given more than once.

    Raises `msgspec.ValidationError` if `item` is JSON, but no object; `msgspec.DecodeError` or `RecursionError` if it
    is no JSON.
    """
    return {name: bytes(value) for name, value in _object.decode(item).items()}


def duplicates(item: bytes, fields: Mapping[str, bytes]) -> list[str]:
    """Return the names that the object `item`, whose `fields` these are, gives more than once.

    Parsers differ in which of two values they believe, so an envelope must not leave it to them.
    """
    # Two quotes around each name and those in its value are all there are, unless a name is given twice or has a
    # quote in itself. Nearly always this settles it.
    if item.count(_QUOTE) == 2 * len(fields) + sum(value.count(_QUOTE) for value in fields.values()):
        return []
    try:
        names = Counter(name for name, _ in _pairs.decode(item.decode()))
    except RecursionError:
        return []  # it is refused for its depth
    return [name for name, count in names.items() if count > 1]
