r"""Data that is JSON but stops common parsers: it is kept as `data_base64`, so that no event stops a consumer's page.

Two kinds are allowed by the grammar of JSON (RFC 8259) and refused by parsers: half of a surrogate pair, as in
`"\ud83d"` (what JavaScript makes of text that was cut within an emoji), and numbers of many digits or beyond the range
of a double. orjson, msgspec and Go refuse the former or `1e999`, Python integers of more than 4,300 digits.

msgspec refuses the former here, too. So a body with such halves is read once more with a mark in place of their `\u`.
The mark begins with a noncharacter, which names must not contain, so halves are accepted in `data` alone.
"""

import base64
import re
import secrets
from math import isinf

from msgspec import Raw

from ingest.formats.raw_json import without_strings

MAX_DIGITS = 1000
"""Digits of one number."""

_NONCHARACTER = "\uffff".encode()
_half_pair = re.compile(rb"\\u[dD][89a-fA-F]").search
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)

# A number is too large for a double only if it has 200 digits before its point, or an exponent of three.
_LEAST_DIGITS = 200
_STRIDE = 50
_SHAPE = bytes.maketrans(b"123456789E+", b"000000000e0")
_EXPONENT = b"0e000"
_BEFORE_NUMBER = b":[, \t\r\n"
_WINDOW = 40
_long_run = re.compile(rb"\d{%d}" % (_LEAST_DIGITS // _STRIDE)).search
_NUMBER = re.compile(rb"(?<![\d.])(?:[\d.]{%d,}(?:[eE][+-]?\d+)?|[\d.]+[eE]\+?\d{3,})" % _LEAST_DIGITS)


def may_have_large_numbers(text: bytes) -> bool:
    """Return False if the JSON `text` surely has no number that is too large; takes 1 µs for 1 KB."""
    # A long run of digits covers every 50th byte.
    return _long_run(text[::_STRIDE]) is not None or _may_have_exponents(text)


def _may_have_exponents(text: bytes) -> bool:
    """Return False if `text` surely has no number with an exponent of three digits."""
    shape = text.translate(_SHAPE)  # all digits and plus signs are zeros
    found = shape.find(_EXPONENT)
    while found >= 0:
        # Hexadecimal text looks like an exponent as well, but other characters come before its digits.
        before = shape[max(0, found - _WINDOW) : found].rstrip(b"0.-")
        if not before or before[-1] in _BEFORE_NUMBER:
            return True
        found = shape.find(_EXPONENT, found + 1)
    return False


def has_large_numbers(value: bytes | Raw) -> bool:
    """Return whether the JSON `value` has a number of more than `MAX_DIGITS` digits, or beyond a double's range."""
    text = bytes(value)
    # Text between quotes may still look like a number. The search takes 16 µs for 700 bytes, the rest 2.
    if not may_have_large_numbers(text) or not may_have_large_numbers(outside := without_strings(text)):
        return False
    numbers = _NUMBER.findall(outside)
    return any(_digits(number) > MAX_DIGITS or isinf(float(number)) for number in numbers)


def _digits(number: bytes) -> int:
    return len(number) if len(number) <= MAX_DIGITS else len(number.translate(None, b".eE+-"))


class DataForm:
    """How the data of one request is kept; `mark` is that of `marked`, or empty."""

    __slots__ = ("_mark", "is_plain")

    def __init__(self, body: bytes, mark: bytes) -> None:
        self._mark = mark
        self.is_plain = not mark and not may_have_large_numbers(body)

    def base64_of(self, data: bytes | Raw) -> str | None:
        """Return what to keep as `data_base64` in place of `data`; None if `data` is safe to list."""
        text = bytes(data)
        if self._mark and self._mark in text:
            text = text.replace(self._mark, b"\\u")
        elif not has_large_numbers(text):
            return None
        return base64.b64encode(text).decode()


def marked(body: bytes) -> tuple[bytes, bytes] | None:
    r"""Return `body` with a mark in place of each `\u` before half of a surrogate pair, and the mark.

    None if there are no such halves.
    """
    if not _half_pair(body):
        return None
    mark = _NONCHARACTER + secrets.token_hex(8).encode()
    changed = _ESCAPE.sub(lambda found: mark + found[1] if found[1] else found[0], body)
    return None if changed == body else (changed, mark)
