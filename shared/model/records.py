"""The records of the store, independent of the backend. Each backend defines how it stores them."""

import enum
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from shared.model.event import Identity


class Outcome(enum.Enum):
    """The outcome of one statement of a batch."""

    DONE = "done"
    EXISTS = "exists"  # its key is taken; nothing changed
    THROTTLED = "throttled"  # not tried; try again
    UNCLEAR = "unclear"  # it may have taken effect, or may yet do so
    REFUSED = "refused"  # this item will never be accepted


class Place(NamedTuple):
    """The place of an event: a position of an inbox, among either the undelivered or the delivered events."""

    tenant: str
    inbox: str
    position: str
    delivered: bool = False


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """The small item that claims an event's identity.

    An identity has one *current* guard, that of the event accepted last, and may have older ones, each stored under its
    receipt. `version` is kept in the current guard and increases with every change to any guard of the identity after
    its claim. A change is conditional on the version that was read, so changes to an identity are serialized.
    """

    identity: Identity
    receipt: str
    position: str
    accepted_at: int  # epoch milliseconds
    digest: str  # of the content; distinguishes a duplicate from a conflict
    expires_at: int  # epoch seconds
    erased_at: int | None = None  # epoch milliseconds
    current: bool = True
    version: int = 0


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event at its position.

    `body` is the CloudEvents JSON object, or a zstd frame of it (see `shared.compression`). If `body_key` is set, that
    object is in the bucket under this key, and `body` is a CloudEvent without data, returned if the bucket has none.
    `moved` says that it may have been read at another position before.
    """

    place: Place
    type: str
    body: bytes
    accepted_at: int  # epoch milliseconds
    expires_at: int  # epoch seconds
    body_key: str | None = None
    delivered_at: int | None = None  # epoch milliseconds
    moved: bool = False


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """Marks a position that no event may take again; `moved_to` is the new position of its event, None if erased."""

    place: Place
    moved_to: str | None
    expires_at: int  # epoch seconds


Record = StoredEvent | Tombstone


class QueryResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one query of one shard, oldest first.

    `stopped_at` is the last position scanned if the query stopped before its upper bound, else None.
    `scanned_to` is the last position known to be scanned (that of an item, or `stopped_at`), None if there is none.
    """

    events: list[StoredEvent]
    scanned_to: str | None
    stopped_at: str | None


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """The number of events that one query found in one shard; `stopped_at` as in `QueryResult`."""

    events: int
    stopped_at: str | None


def body_key(tenant: str, receipt: str) -> str:
    """Return the bucket key for the body of the event with `receipt`.

    The tenant is escaped to letters, digits, `_`, `-`, `~` and `%`, so that neither `a/b` nor `..` can address the
    bodies of another tenant. 64 characters become at most 768 bytes; S3 allows keys of 1,024.
    """
    return f"bodies/{quote(tenant, safe='').replace('.', '%2E')}/{receipt}"
