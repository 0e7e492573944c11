"""What the store holds, in our own terms. How DynamoDB spells it is `shared.aws.event_store`'s business."""

import enum
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from shared.model.event import Identity


class Outcome(enum.Enum):
    """What became of one statement of a batch."""

    DONE = "done"
    EXISTS = "exists"  # its key is taken; nothing changed
    THROTTLED = "throttled"  # not tried; try again
    UNCLEAR = "unclear"  # it may have taken effect, or may still
    REFUSED = "refused"  # the store will never take this item


class Place(NamedTuple):
    """Where an event lies: a position of an inbox, among the undelivered or the delivered."""

    tenant: str
    inbox: str
    position: str
    delivered: bool = False


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """The small item that claims an event's identity.

    An identity has one *current* guard, that of the event accepted last, and may have older ones, each kept
    under its receipt. `version` lives on the current guard and rises with every change to any guard of the
    identity after its claim: whoever changes one names the version it has read, so changes to an identity
    happen one after another.
    """

    identity: Identity
    receipt: str
    position: str
    accepted_at: int  # epoch milliseconds
    digest: str  # of the content; tells a repeat from a conflict
    expires_at: int  # epoch seconds
    erased_at: int | None = None  # epoch milliseconds
    current: bool = True
    version: int = 0


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event at its position.

    `body` is the CloudEvents JSON object, or a zstd frame of it (see `shared.aws.s3`). If `body_key` is set that
    lies in the bucket under that key, and `body` is an object that only names the event, for when it is not there.
    """

    place: Place
    type: str
    body: bytes
    accepted_at: int  # epoch milliseconds
    expires_at: int  # epoch seconds
    body_key: str | None = None
    delivered_at: int | None = None  # epoch milliseconds


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """Marks a position that no event may take any more; `moved_to` is where its event went, None if erased."""

    place: Place
    moved_to: str | None
    expires_at: int  # epoch seconds


Record = StoredEvent | Tombstone


class QueryResult(msgspec.Struct, frozen=True, kw_only=True):
    """One query's answer from one shard, oldest first.

    `stopped_at` is the last position scanned if the query stopped before its upper bound, else None.
    `scanned_to` is the last position known to be scanned (an item returned, or `stopped_at`), None if none was.
    """

    events: list[StoredEvent]
    scanned_to: str | None
    stopped_at: str | None


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many events one query found in one shard; `stopped_at` as in `QueryResult`."""

    events: int
    stopped_at: str | None


def body_key(tenant: str, receipt: str) -> str:
    """Return the key of the body of the event that ingest gave `receipt`.

    Nothing but letters, digits, `_`, `-`, `~` and `%` of a tenant's name goes in, so that neither `a/b` nor `..`
    can reach into another tenant's bodies. 64 characters make at most 768 bytes; S3 takes keys of 1,024.
    """
    return f"bodies/{quote(tenant, safe='').replace('.', '%2E')}/{receipt}"
