"""Cursors: opaque to consumers; "everything up to this position has been handed out".

A cursor is base64url of a version byte, the position's 16 bytes and two bytes that tie it to its inbox,
so that a cursor pasted into another inbox is refused rather than silently skipping events.
"""

import base64
import binascii
import zlib

from shared.model import position as positions
from shared.model.errors import Fault, InvalidRequest

_VERSION = b"\x01"
_LENGTH = 1 + 16 + 2


def encode(position: str, inbox: str) -> str:
    """Return the cursor that stands just behind `position` in `inbox`."""
    raw = _VERSION + positions.to_bytes(position) + _tie(inbox)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(cursor: str, inbox: str) -> str:
    """Return the position behind which `cursor` stands; raise `InvalidRequest` if it is no cursor of `inbox`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("is not a cursor that this API handed out") from None
    if len(raw) != _LENGTH or raw[:1] != _VERSION:
        raise _invalid("is not a cursor that this API handed out")
    position = positions.from_bytes(raw[1:17])
    if not positions.is_position(position):
        raise _invalid("is not a cursor that this API handed out")
    if raw[17:] != _tie(inbox):
        raise _invalid(f"belongs to another inbox than {inbox!r}")
    return position


def _tie(inbox: str) -> bytes:
    return (zlib.crc32(inbox.encode()) & 0xFFFF).to_bytes(2)


def _invalid(why: str) -> InvalidRequest:
    return InvalidRequest("The query is invalid.", [Fault(detail=f"`after` {why}.", pointer="/after")])
