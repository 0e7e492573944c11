"""Cursors: opaque to consumers; each means "everything up to this position has been returned".

A cursor of early reads also contains the events that were returned from beyond its position (`docs/protocol.md`). The
text is the base64url encoding of:

    version     1 byte: 2
    position    16 bytes
    base        if there are returned events: 6 bytes, the time in ms of the oldest
    returned    for each event 3 bytes, its time in ms after the base, and 8 bytes of its digest
    inbox       2 bytes of a checksum of the inbox name: a cursor of another inbox would silently skip events
    CRC-16      2 bytes, of all of the above

Cursors of version 1, which had neither returned events nor a CRC, are still accepted.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from shared.model import position as positions
from shared.model.errors import Fault, InvalidRequest

MAX_RETURNED = 64
"""Returned events in one cursor, which then has 975 characters; without any it has 28."""

MAX_SPAN_MS = (1 << 24) - 1
"""Between the oldest and the newest returned event: 4.6 hours."""

DIGEST_BYTES = 8

_VERSION, _OLD_VERSION = b"\x02", b"\x01"
_POSITION = slice(1, 17)
_BASE = slice(17, 23)
_TIME_BYTES = 3
_ENTRY_BYTES = _TIME_BYTES + DIGEST_BYTES
_CHECKSUM_BYTES = 2
_PLAIN_BYTES = 1 + 16 + _CHECKSUM_BYTES  # without the CRC
_UNKNOWN = "is not a cursor from this API, or was changed"


class Returned(NamedTuple):
    """An event that was returned before it had settled: the time of its position in ms, and `DIGEST_BYTES` of it."""

    time_ms: int
    digest: bytes


class Cursor(NamedTuple):
    """A position, and the events that were returned from beyond it."""

    position: str
    returned: tuple[Returned, ...] = ()


def encode(position: str, inbox: str, returned: Sequence[Returned] = ()) -> str:
    """Return the cursor just after `position` in `inbox`, with up to `MAX_RETURNED` events within `MAX_SPAN_MS`."""
    parts = [_VERSION, positions.to_bytes(position)]
    if returned:
        base_ms = min(event.time_ms for event in returned)
        parts.append(base_ms.to_bytes(6))
        parts += [(time_ms - base_ms).to_bytes(_TIME_BYTES) + digest for time_ms, digest in returned]
    raw = b"".join([*parts, _checksum(inbox)])
    return base64.urlsafe_b64encode(raw + _crc(raw)).rstrip(b"=").decode()


def decode(cursor: str, inbox: str) -> Cursor:
    """Return the contents of `cursor`; raise `InvalidRequest` if it is not a cursor of `inbox`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(_UNKNOWN) from None
    if not (raw.startswith(_OLD_VERSION) and len(raw) == _PLAIN_BYTES):
        raw, crc = raw[:-2], raw[-2:]
        if not raw.startswith(_VERSION) or len(raw) < _PLAIN_BYTES or crc != _crc(raw):
            raise _invalid(_UNKNOWN)
    position = positions.from_bytes(raw[_POSITION])
    if not positions.is_position(position):
        raise _invalid(_UNKNOWN)
    if raw[-_CHECKSUM_BYTES:] != _checksum(inbox):
        raise _invalid(f"is a cursor of another inbox than {inbox!r}")
    return Cursor(position, _returned(raw) if len(raw) > _PLAIN_BYTES else ())


def _returned(raw: bytes) -> tuple[Returned, ...]:
    base_ms, entries = int.from_bytes(raw[_BASE]), raw[_BASE.stop : -_CHECKSUM_BYTES]
    if not entries or len(entries) % _ENTRY_BYTES or len(entries) > MAX_RETURNED * _ENTRY_BYTES:
        raise _invalid(_UNKNOWN)
    split = [entries[at : at + _ENTRY_BYTES] for at in range(0, len(entries), _ENTRY_BYTES)]
    return tuple(Returned(base_ms + int.from_bytes(entry[:_TIME_BYTES]), entry[_TIME_BYTES:]) for entry in split)


def _checksum(inbox: str) -> bytes:
    return (zlib.crc32(inbox.encode()) & 0xFFFF).to_bytes(_CHECKSUM_BYTES)


def _crc(raw: bytes) -> bytes:
    return binascii.crc_hqx(raw, 0xFFFF).to_bytes(2)


def _invalid(why: str) -> InvalidRequest:
    return InvalidRequest("The query is invalid.", [Fault(detail=f"`after` {why}.", pointer="/after")])
