"""Cursors: opaque to consumers; each means "everything up to this position has been returned".

A cursor is the base64url encoding of a version byte, the 16 bytes of the position, a two-byte checksum of the inbox
name, so that a cursor used with another inbox is rejected rather than silently skipping events, and a CRC-16 of all
that, so that a damaged one is. Cursors of version 1, which had no CRC, are still accepted.
"""

import base64
import binascii
import zlib

from shared.model import position as positions
from shared.model.errors import Fault, InvalidRequest

_VERSION, _OLD_VERSION = b"\x02", b"\x01"
_LENGTH = 1 + 16 + 2  # without the CRC
_UNKNOWN = "is not a cursor from this API, or was changed"


def encode(position: str, inbox: str) -> str:
    """Return the cursor just after `position` in `inbox`."""
    raw = _VERSION + positions.to_bytes(position) + _checksum(inbox)
    return base64.urlsafe_b64encode(raw + _crc(raw)).decode()


def decode(cursor: str, inbox: str) -> str:
    """Return the position that `cursor` follows; raise `InvalidRequest` if it is not a cursor of `inbox`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(_UNKNOWN) from None
    if not raw.startswith(_OLD_VERSION):
        raw, crc = raw[:-2], raw[-2:]
        if not raw.startswith(_VERSION) or crc != _crc(raw):
            raise _invalid(_UNKNOWN)
    position = positions.from_bytes(raw[1:17])
    if len(raw) != _LENGTH or not positions.is_position(position):
        raise _invalid(_UNKNOWN)
    if raw[17:] != _checksum(inbox):
        raise _invalid(f"is a cursor of another inbox than {inbox!r}")
    return position


def _checksum(inbox: str) -> bytes:
    return (zlib.crc32(inbox.encode()) & 0xFFFF).to_bytes(2)


def _crc(raw: bytes) -> bytes:
    return binascii.crc_hqx(raw, 0xFFFF).to_bytes(2)


def _invalid(why: str) -> InvalidRequest:
    return InvalidRequest("The query is invalid.", [Fault(detail=f"`after` {why}.", pointer="/after")])
