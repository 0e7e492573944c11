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
