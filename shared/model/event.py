"""Events, and the limits on their parts.

An event's identity is (tenant, inbox, source, id). Its `body` is the complete CloudEvents 1.0 JSON object. Ingest
builds it once and the payload is never parsed again, so `data` is returned byte for byte as it was posted.
"""

import re
from typing import NamedTuple

import msgspec

MAX_REQUEST_BYTES = 512 * 1024
MAX_EVENTS_PER_REQUEST = 1000
MAX_DATA_DEPTH = 500
"""Maximum nesting of arrays and objects in `data`. Every parser has a limit; this one is part of the contract."""

DEFAULT_INBOX = "default"
DEFAULT_SOURCE = "/"
# Control characters and Unicode noncharacters are excluded: they serve no purpose in a name, and break logs, terminals
# and XML. `data` may contain them.
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
TEXT_CHARACTER = f"[^\\x00-\\x1f\\x7f-\\x9f{_NONCHARACTERS}]"
"""A regular expression for one character of an id, a type or a subject."""
INBOX_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Identity(NamedTuple):
    """The identity of an event: two events with the same identity are the same event."""

    tenant: str
    inbox: str
    source: str
    id: str


class Event(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An accepted event, as a pack contains it.

    `receipt` is the UUIDv7 that ingest generated on acceptance: it stays the same across redeliveries and is new for
    every POST.
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
        """Return the CloudEvent as JSON without its data, for an item whose body is in the bucket."""
        return msgspec.json.encode({"specversion": "1.0", "id": self.id, "source": self.source, "type": self.type})
