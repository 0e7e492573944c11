"""CloudEvents 1.0 context attributes: the rule for each, and the faults in those of an event.

An event that was read from an inbox may be forwarded with the attributes that the inbox added: `inbox` names its inbox
here too; `receivedat`, `position` and `deliveredat` are dropped, since it gets new ones. Values of another form are
refused.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ingest.formats import fields
from ingest.formats.fields import MAX_TEXT_LENGTH, is_time
from ingest.formats.raw_json import deeper_than
from ingest.formats.validation import TOO_DEEP, missing
from shared.model.errors import Fault, echo, pointer_to
from shared.model.event import MAX_DATA_DEPTH, TEXT_CHARACTER
from shared.model.position import is_position

REQUIRED = ("specversion", "id", "source", "type")
OURS = frozenset({"inbox", "receivedat", "position", "deliveredat"})
"""Attributes that an inbox adds on reading; they are not kept in the event itself."""

_TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for a name
_MEDIA_TYPE_PATTERN = rf"\A{_TOKEN}/{_TOKEN}[ \t]*(?:;[\t\x20-\x7e]*)?\Z"
_BASE64_PATTERN = r"\A(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z"

PATTERNS: Mapping[str, str] = {
    "datacontenttype": _MEDIA_TYPE_PATTERN,
    "dataschema": fields.URI_PATTERN,
    "data_base64": _BASE64_PATTERN,
}

_STRING_PATTERN = rf"\A{TEXT_CHARACTER}*\Z"

_MediaType = Annotated[str, Meta(max_length=MAX_TEXT_LENGTH, pattern=_MEDIA_TYPE_PATTERN)]
_Uri = Annotated[str, Meta(max_length=MAX_TEXT_LENGTH, pattern=fields.URI_PATTERN)]
_Base64 = Annotated[str, Meta(pattern=_BASE64_PATTERN)]
# CloudEvents' Boolean, Integer (32 bits) and String; values of all other types are written as strings.
_Extension = bool | Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | Annotated[str, Meta(pattern=_STRING_PATTERN)]

_DECODERS: Mapping[str, "msgspec.json.Decoder[str]"] = {
    **fields.FIELDS,
    "specversion": msgspec.json.Decoder(Literal["1.0"]),
    "datacontenttype": msgspec.json.Decoder(_MediaType),
    "dataschema": msgspec.json.Decoder(_Uri),
    "data_base64": msgspec.json.Decoder(_Base64),
    "receivedat": msgspec.json.Decoder(fields.Time),
    "deliveredat": msgspec.json.Decoder(fields.Time),
    "position": msgspec.json.Decoder(str),
}
_MORE = {"time": is_time, "receivedat": is_time, "deliveredat": is_time, "position": is_position}
"""Checks beyond what a pattern can state."""

_OUR_RULE = "`{name}` is reserved for {what} that an inbox adds; rename an extension with another meaning."
RULES: Mapping[str, str] = {
    **fields.RULES,
    "specversion": '`specversion` must be "1.0".',
    "datacontenttype": "`datacontenttype` must be a media type of up to 255 ASCII characters, like application/json.",
    "dataschema": "`dataschema` must be an absolute URI of up to 255 ASCII characters.",
    "data_base64": "`data_base64` must be a string of base64 with padding.",
    "receivedat": _OUR_RULE.format(name="receivedat", what="the time"),
    "deliveredat": _OUR_RULE.format(name="deliveredat", what="the time"),
    "position": _OUR_RULE.format(name="position", what="the position"),
}

_extension: "msgspec.json.Decoder[bool | int | str]" = msgspec.json.Decoder(_Extension)
_extension_name = re.compile("[a-z0-9]{1,255}").fullmatch


def given(fields: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the fields of an event without those that are null: in CloudEvents, null means not given."""
    return {name: value for name, value in fields.items() if value != b"null" or name == "data"}


def faults_of(fields: Mapping[str, bytes], pointer: str) -> Iterator[Fault]:
    """Yield the faults of the event at `pointer` that has these `fields`."""
    for name in REQUIRED:
        if name not in fields:
            yield missing(name, pointer)
    for name, value in fields.items():
        if name == "data":
            if deeper_than(MAX_DATA_DEPTH, value):
                yield Fault(detail=TOO_DEEP, pointer=f"{pointer}/data")
        elif fault := _fault_of(name, value):
            yield Fault(detail=fault, pointer=pointer_to(name, pointer))
    if "data" in fields and "data_base64" in fields:
        yield Fault(detail="`data` and `data_base64` are mutually exclusive.", pointer=f"{pointer}/data_base64")


def _fault_of(name: str, value: bytes) -> str | None:
    decoder = _DECODERS.get(name)
    try:
        if decoder is not None:
            text = decoder.decode(value)
            return None if name not in _MORE or _MORE[name](text) else RULES[name]
        if not _extension_name(name):
            return f"`{echo(name)}` is not a valid extension name: use 1 to 255 characters from a-z and 0-9."
        _extension.decode(value)
    except msgspec.ValidationError:
        return RULES.get(name) or (
            f"`{name}` must be a boolean, a 32-bit integer, or a string without control characters or noncharacters."
        )
    return None
