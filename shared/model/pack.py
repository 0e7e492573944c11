"""The pack: the content of one SQS message.

A message body is a version character followed by base64. The character specifies the encoded content:

    p   the JSON below
    z   the same JSON as a zstd frame, used where that is smaller

The JSON is one of these, distinguished by its first element, the tag:

    ["events", tenant, key_id, accepted_at, [[receipt, id, source, inbox, type, {CloudEvent}], ...], window_seconds]
    ["acks",   tenant, key_id, accepted_at, inbox, [position, ...], [type pattern, ...]]
    ["remove", tenant, key_id, accepted_at, receipt, inbox, source, id, erase]

base64 is needed because JSON may contain characters that SQS rejects (U+FFFF), zstd because SQS bills per 64 KiB.
Readers accept every version ever written; new fields go last and have a default.
"""

import base64
import binascii
import re
from collections.abc import Sequence

import msgspec

from shared.compression import from_zstd_frame, zstd_frame
from shared.model.errors import Poison
from shared.model.event import Event, Identity

MAX_MESSAGE_BYTES = 1024 * 1024
"""SQS: limit of one message, and of one SendMessageBatch call."""

MAX_PLAIN_BYTES = 720 * 1024
"""Maximum event bytes in a pack: as base64, this many fit in a message even if zstd can't reduce them."""

TRACEPARENT_ATTRIBUTE = "traceparent"
"""SQS message attribute: the W3C trace context of the first request in the pack that has one."""

REASON_ATTRIBUTE = "reason"
"""SQS message attribute of a dead letter: the reason why its event could not be stored."""

_PLAIN = "p"
_ZSTD = "z"


class EventPack(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="events"):
    """Events of one tenant, accepted at the same time (`accepted_at`, epoch milliseconds) with one key.

    `window_seconds` overrides `DEDUPLICATION_WINDOW_SECONDS`.
    """

    tenant: str
    key_id: str
    accepted_at: int
    events: Sequence[Event]
    window_seconds: int | None = None


class AckPack(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="acks"):
    """A consumer's acknowledgement of the events at `positions` of one inbox.

    It concerns only events that `types`, those of the key, select (see `shared.model.type_pattern`).
    """

    tenant: str
    key_id: str
    accepted_at: int
    inbox: str
    positions: Sequence[str]
    types: tuple[str, ...] = ()


class Removal(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="remove"):
    """An ack of one event by its identity; with `erase`, its payload is removed permanently."""

    tenant: str
    key_id: str
    accepted_at: int
    receipt: str
    inbox: str
    source: str
    id: str
    erase: bool = False

    @property
    def identity(self) -> Identity:
        """The identity of the event to remove."""
        return Identity(self.tenant, self.inbox, self.source, self.id)


Pack = EventPack | AckPack | Removal

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Pack] = msgspec.json.Decoder(Pack)

# Decoding errors name offsets and fields. The only content that they quote is an unknown tag, which may be anything.
_quotes = re.compile(r" '.*'(?= - at )", re.DOTALL).sub


def encode(pack: Pack) -> str:
    """Encode `pack` as an SQS message body. The caller keeps it within `MAX_MESSAGE_BYTES`."""
    plain = _encoder.encode(pack)
    small = zstd_frame(plain)
    if len(small) < len(plain):
        return _ZSTD + base64.b64encode(small).decode()
    return _PLAIN + base64.b64encode(plain).decode()


def decode(body: str) -> Pack:
    """Decode the pack in an SQS message body; raise `Poison` with the reason if it is unreadable."""
    try:
        raw = base64.b64decode(body[1:], validate=True)
        match body[:1]:
            case "z":
                raw = from_zstd_frame(raw)
            case "p":
                pass
            case version:
                raise Poison(f"unknown pack version {version!r}")
        return _decoder.decode(raw)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise Poison(f"unreadable pack: {type(error).__name__}: {_quotes('', str(error))}") from None
