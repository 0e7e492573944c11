"""Cursors: opaque to consumers; each means "everything up to this position has been returned".

A cursor is the base64url encoding of a version byte, the 16 bytes of the position and a two-byte checksum of the inbox
name, so that a cursor used with another inbox is rejected rather than silently skipping events.
"""

import base64
import binascii
import zlib

from shared.model import position as positions
from shared.model.errors import Fault, InvalidRequest

_VERSION = b"\x01"
_LENGTH = 1 + 16 + 2


def encode(position: str, inbox: str) -> str:
    """Return the cursor just after `position` in `inbox`."""
    raw = _VERSION + positions.to_bytes(position) + _checksum(inbox)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(cursor: str, inbox: str) -> str:
    """Return the position that `cursor` follows; raise `InvalidRequest` if it is not a cursor of `inbox`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("is not a cursor from this API") from None
    if len(raw) != _LENGTH or raw[:1] != _VERSION:
        raise _invalid("is not a cursor from this API")
    position = positions.from_bytes(raw[1:17])
    if not positions.is_position(position):
        raise _invalid("is not a cursor from this API")
    if raw[17:] != _checksum(inbox):
        raise _invalid(f"is a cursor of another inbox than {inbox!r}")
    return position


def _checksum(inbox: str) -> bytes:
    return (zlib.crc32(inbox.encode()) & 0xFFFF).to_bytes(2)


def _invalid(why: str) -> InvalidRequest:
    return InvalidRequest("The query is invalid.", [Fault(detail=f"`after` {why}.", pointer="/after")])
