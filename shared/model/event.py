"""What an event is, and the limits on its parts.

An event's identity is (tenant, inbox, source, id). Its `body` is the finished CloudEvents 1.0 JSON object,
built once at ingest and never parsed for its payload again: what was posted as `data` is read back byte for byte.
"""

import re
from typing import NamedTuple

import msgspec

MAX_REQUEST_BYTES = 512 * 1024
MAX_EVENTS_PER_REQUEST = 1000
MAX_DATA_DEPTH = 500
"""Levels of arrays and objects in `data`. Parsers give up somewhere; the contract says where."""

DEFAULT_INBOX = "default"
DEFAULT_SOURCE = "/"
# No control characters and none that Unicode says are no characters: they are of no use in a name, and harm logs,
# terminals and XML. `data` may hold them.
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
TEXT_CHARACTER = f"[^\\x00-\\x1f\\x7f-\\x9f{_NONCHARACTERS}]"
"""A regular expression for one character of an id, a type or a subject."""
INBOX_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Identity(NamedTuple):
    """What makes two events the same event."""

    tenant: str
    inbox: str
    source: str
    id: str


class Event(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An accepted event, as it travels in a pack.

    `receipt` is the UUIDv7 that ingest minted for this acceptance: the same across redeliveries of the
    queue, new for every POST.
    """

    receipt: str
    id: str
    source: str
    inbox: str
    type: str
    body: msgspec.Raw

    def identity(self, tenant: str) -> Identity:
        """Return the event's identity as an event of `tenant`."""
        return Identity(tenant, self.inbox, self.source, self.id)

    def without_data(self) -> bytes:
        """Return the CloudEvent as JSON without its data: what an item holds whose body is in the bucket."""
        return msgspec.json.encode({"specversion": "1.0", "id": self.id, "source": self.source, "type": self.type})
