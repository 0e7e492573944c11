"""The body of a delivery: bytes, or JSON whose single values are read without parsing the rest."""

import re
from functools import cached_property

import msgspec
from msgspec import Raw

from ingest.formats.portable import has_large_numbers
from ingest.formats.raw_json import deeper_than
from ingest.sources.webhook import Webhook
from shared.model.event import MAX_DATA_DEPTH

_UTF_8 = ("", "utf-8", "utf8", "us-ascii")

_json_type = re.compile(r"[^/;]+/(?:[^/;]+\+)?json\s*", re.IGNORECASE).fullmatch
_charset = re.compile(r';\s*charset\s*=\s*"?([^\s";]*)', re.IGNORECASE).search
_index = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII).fullmatch

_any = msgspec.json.Decoder(Raw)
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_scalar: "msgspec.json.Decoder[str | int | float | bool | None]" = msgspec.json.Decoder(str | int | float | bool | None)


class Content:
    """The body of `webhook`. `as_json` treats it as JSON regardless of its media type."""

    def __init__(self, webhook: Webhook, *, as_json: bool = False) -> None:
        self._body = webhook.body
        self._may_be_json = as_json or _is_json_type(webhook.content_type)

    @cached_property
    def is_json(self) -> bool:
        """Whether the body is declared as JSON and is valid JSON in UTF-8 that common parsers accept.

        Nesting is limited to `MAX_DATA_DEPTH`, numbers to 1,000 digits.
        """
        if not self._may_be_json:
            return False
        try:
            # msgspec checks the grammar of values that it skips, but not their UTF-8.
            self._body.decode()
            _any.decode(self._body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return not (has_large_numbers(self._body) or deeper_than(MAX_DATA_DEPTH, self._body))

    def value_at(self, pointer: str) -> str | None:
        """Return the string, number or boolean at a JSON pointer, as text; None if there is none."""
        if not self.is_json:
            return None
        found = self._body
        for token in pointer.split("/")[1:]:
            child = self._child(found, token.replace("~1", "/").replace("~0", "~"))
            if child is None:
                return None
            found = child
        return _text_of(found)

    @cached_property
    def _members(self) -> dict[str, Raw]:
        return _object.decode(self._body)

    def _child(self, value: bytes, token: str) -> bytes | None:
        # Most pointers start at the top-level object, so it is split once.
        try:
            members = self._members if value is self._body else _object.decode(value)
        except msgspec.ValidationError:
            return _item(value, token)
        return bytes(members[token]) if token in members else None


def _item(value: bytes, token: str) -> bytes | None:
    if not _index(token):
        return None
    try:
        items = _array.decode(value)
    except msgspec.ValidationError:
        return None
    return bytes(items[int(token)]) if int(token) < len(items) else None


def _text_of(value: bytes) -> str | None:
    try:
        scalar = _scalar.decode(value)
    except (msgspec.DecodeError, ValueError):  # an object, an array, or a string with a lone surrogate
        return None
    if scalar is None or isinstance(scalar, str):
        return scalar or None
    # A number as it was written: 1.0 and 1 are different ids.
    return value.decode().strip()


def _is_json_type(content_type: str) -> bool:
    if not content_type:
        return True
    charset = _charset(content_type)
    return _json_type(content_type.partition(";")[0].strip()) is not None and (
        charset is None or charset[1].lower() in _UTF_8
    )
