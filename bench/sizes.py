"""Billed size of a DynamoDB item, by the rules of its documentation ("item sizes and formats")."""

import base64
from collections.abc import Mapping
from typing import Any

_UNIT_BYTES = 1024
_CONTAINER_BYTES = 3


def write_units(item: Mapping[str, Any]) -> int:
    """Return the write units of putting `item`, given as attribute names to `{"S": ...}`."""
    return max(1, -(-item_bytes(item) // _UNIT_BYTES))


def item_bytes(item: Mapping[str, Any]) -> int:
    """Return the size of `item`: names and values, UTF-8."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: Mapping[str, Any]) -> int:
    """Return the size of one attribute's value; raise `ValueError` for a type that neither build writes."""
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_bytes(content)
        case "B":
            # boto sends base64.
            return len(base64.b64decode(content))
        case "BOOL" | "NULL":
            return 1
        case "L":
            return _CONTAINER_BYTES + sum(1 + value_bytes(element) for element in content)
        case "M":
            return _CONTAINER_BYTES + len(content) + item_bytes(content)
        case _:
            raise ValueError(f"no size for an attribute of type {kind}")


def _number_bytes(text: str) -> int:
    """Return a byte for two significant digits, one more, and one for a minus."""
    digits = text.lower().partition("e")[0].lstrip("-").replace(".", "").strip("0")
    return -(-len(digits) // 2) + 1 + text.startswith("-")
