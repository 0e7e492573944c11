"""Cursors: opaque to consumers; each means "everything up to this position has been returned".

A cursor of early reads also contains the events that were returned from beyond its position (`docs/protocol.md`). The
text is the base64url encoding of:

    version     1 byte: 1, or 2 if there are returned events
    position    16 bytes
    base        version 2: 6 bytes, the time in ms of the oldest returned event
    returned    version 2: for each event 3 bytes, its time in ms after the base, and 8 bytes of its digest
    checksum    2 bytes of the inbox name (version 1), or 4 bytes of all of the above and the inbox name (version 2)

The checksum rejects a cursor of another inbox, which would silently skip events.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from shared.model import position as positions
from shared.model.errors import Fault, InvalidRequest

MAX_RETURNED = 64
"""Returned events in one cursor, which then has 975 characters; without any it has 26."""

MAX_SPAN_MS = (1 << 24) - 1
"""Between the oldest and the newest returned event: 4.6 hours."""

DIGEST_BYTES = 8

_PLAIN, _EARLY = b"\x01", b"\x02"
_PLAIN_BYTES = 1 + 16 + 2
_HEAD_BYTES = 1 + 16 + 6
_TIME_BYTES = 3
_ENTRY_BYTES = _TIME_BYTES + DIGEST_BYTES
_CHECKSUM_BYTES = 4


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
    if not returned:
        raw = _PLAIN + positions.to_bytes(position) + _checksum_of_name(inbox)
    else:
        base_ms = min(event.time_ms for event in returned)
        entries = [(time_ms - base_ms).to_bytes(_TIME_BYTES) + digest for time_ms, digest in returned]
        raw = b"".join([_EARLY, positions.to_bytes(position), base_ms.to_bytes(6), *entries])
        raw += _checksum(raw, inbox)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(cursor: str, inbox: str) -> Cursor:
    """Return the contents of `cursor`; raise `InvalidRequest` if it is not a cursor of `inbox`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("is not a cursor from this API") from None
    returned: tuple[Returned, ...] = ()
    if raw[:1] == _EARLY:
        returned = _returned(raw, inbox)
    elif raw[:1] != _PLAIN or len(raw) != _PLAIN_BYTES:
        raise _invalid("is not a cursor from this API")
    position = positions.from_bytes(raw[1:17])
    if not positions.is_position(position):
        raise _invalid("is not a cursor from this API")
    if raw[:1] == _PLAIN and raw[17:] != _checksum_of_name(inbox):
        raise _invalid(f"is a cursor of another inbox than {inbox!r}")
    return Cursor(position, returned)


def _returned(raw: bytes, inbox: str) -> tuple[Returned, ...]:
    entries = raw[_HEAD_BYTES:-_CHECKSUM_BYTES]
    if not entries or len(entries) % _ENTRY_BYTES or len(entries) > MAX_RETURNED * _ENTRY_BYTES:
        raise _invalid("is not a cursor from this API")
    if raw[-_CHECKSUM_BYTES:] != _checksum(raw[:-_CHECKSUM_BYTES], inbox):
        raise _invalid(f"is damaged, or a cursor of another inbox than {inbox!r}")
    base_ms = int.from_bytes(raw[17:_HEAD_BYTES])
    split = [entries[at : at + _ENTRY_BYTES] for at in range(0, len(entries), _ENTRY_BYTES)]
    return tuple(Returned(base_ms + int.from_bytes(entry[:_TIME_BYTES]), entry[_TIME_BYTES:]) for entry in split)


def _checksum_of_name(inbox: str) -> bytes:
    return (zlib.crc32(inbox.encode()) & 0xFFFF).to_bytes(2)


def _checksum(raw: bytes, inbox: str) -> bytes:
    return zlib.crc32(raw + inbox.encode()).to_bytes(_CHECKSUM_BYTES)


def _invalid(why: str) -> InvalidRequest:
    return InvalidRequest("The query is invalid.", [Fault(detail=f"`after` {why}.", pointer="/after")])
