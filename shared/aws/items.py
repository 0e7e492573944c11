"""Converts records to DynamoDB keys and items, and back.

    inbox#<tenant>#<inbox>#<shard>       <position>   an event or a tombstone
    delivered#<tenant>#<inbox>#<shard>   <position>   the same
    guard#<tenant>#<inbox>#<source>#<id> guard        the current guard; older ones under their receipt
    layout                               layout       the shards of inboxes (`shared.aws.layout_store`)

`%` and `#` in a part are percent-escaped, so no name can forge a key. The last part needs no escaping, since nothing
follows it.
"""

import hashlib
from functools import lru_cache
from typing import Any

from shared.compression import is_compressed
from shared.model.event import Identity
from shared.model.layout import Layout
from shared.model.records import Guard, Place, Record, StoredEvent, Tombstone

Item = dict[str, Any]
"""Attribute names to DynamoDB values such as `{"S": ...}`, as its client uses them."""

CURRENT = "guard"
"""The sort key of the current guard."""

_MAX_KEY_BYTES = 2048
"""DynamoDB: maximum length of a partition key."""

_MAX_BYTES_OF_CHARACTER = 4
_KEPT_PREFIXES = 4096


def number(value: int) -> Item:
    """Return a number as a DynamoDB value."""
    return {"N": str(value)}


def text(value: str) -> Item:
    """Return a string as a DynamoDB value."""
    return {"S": value}


def shard_key(place: Place, shard: int) -> str:
    """Return the partition key of one shard of the inbox of `place`."""
    return f"{_inbox_prefix(place.tenant, place.inbox, place.delivered)}{shard}"


def place_key(place: Place, layout: Layout) -> Item:
    """Return the primary key of the record at `place`."""
    return {"pk": text(shard_key(place, layout.shard_of(place))), "sk": text(place.position)}


def identity_key(identity: Identity) -> str:
    """Return the partition key of the guards of `identity`.

    If it exceeds DynamoDB's limit (which 64 characters of tenant, 255 of source and 255 of id can, if most of them are
    escaped or outside ASCII), it is replaced by its hash, marked with `%=`, which escaping never produces.
    """
    key = _guard_prefix(identity.tenant, identity.inbox, identity.source) + identity.id
    if _MAX_BYTES_OF_CHARACTER * len(key) <= _MAX_KEY_BYTES:
        return key
    encoded = key.encode()
    return key if len(encoded) <= _MAX_KEY_BYTES else f"guard#%={hashlib.sha256(encoded).hexdigest()}"


def guard_key(guard: Guard) -> Item:
    """Return the primary key of `guard`."""
    return {"pk": text(identity_key(guard.identity)), "sk": text(CURRENT if guard.current else guard.receipt)}


def guard_item(guard: Guard) -> Item:
    """Return the item of `guard`. Only the current guard has a version."""
    item: Item = {
        **guard_key(guard),
        "receipt": {"S": guard.receipt},
        "position": {"S": guard.position},
        "accepted_at": {"N": str(guard.accepted_at)},
        "digest": {"S": guard.digest},
        "ttl": {"N": str(guard.expires_at)},
    }
    if guard.current:
        item["version"] = number(guard.version)
    if guard.erased_at is not None:
        item["erased_at"] = number(guard.erased_at)
    return item


def guard_from(item: Item, identity: Identity) -> Guard:
    """Return the guard of `identity` that `item` represents."""
    return Guard(
        identity=identity,
        receipt=item["receipt"]["S"],
        position=item["position"]["S"],
        accepted_at=int(item["accepted_at"]["N"]),
        digest=item["digest"]["S"],
        expires_at=int(item["ttl"]["N"]),
        erased_at=_optional_number(item, "erased_at"),
        current=item["sk"]["S"] == CURRENT,
        version=_optional_number(item, "version") or 0,
    )


def record_item(record: Record, layout: Layout) -> Item:
    """Return the item of `record`."""
    item = place_key(record.place, layout) | {"ttl": number(record.expires_at)}
    if isinstance(record, Tombstone):
        item["tombstone"] = {"BOOL": True}
        return item if record.moved_to is None else item | {"moved_to": text(record.moved_to)}
    item |= {"type": text(record.type), "accepted_at": number(record.accepted_at)}
    if record.body:
        item["body"] = _body_value(record.body)
    if record.body_key is not None:
        item["body_key"] = text(record.body_key)
    if record.delivered_at is not None:
        item["delivered_at"] = number(record.delivered_at)
    if record.moved:
        item["moved"] = {"BOOL": True}
    return item


def record_from(item: Item, place: Place) -> Record:
    """Return the record at `place` that `item` represents."""
    expires_at = int(item["ttl"]["N"])
    if "tombstone" in item:
        return Tombstone(place=place, moved_to=_optional_text(item, "moved_to"), expires_at=expires_at)
    return StoredEvent(
        place=place,
        type=item["type"]["S"],
        body=_body_of(item.get("body", {})),
        accepted_at=int(item["accepted_at"]["N"]),
        expires_at=expires_at,
        body_key=_optional_text(item, "body_key"),
        delivered_at=_optional_number(item, "delivered_at"),
        moved="moved" in item,
    )


@lru_cache(_KEPT_PREFIXES)
def _inbox_prefix(tenant: str, inbox: str, delivered: bool) -> str:  # noqa: FBT001 - a key of the cache
    return f"{'delivered' if delivered else 'inbox'}#{escape(tenant)}#{escape(inbox)}#"


@lru_cache(_KEPT_PREFIXES)
def _guard_prefix(tenant: str, inbox: str, source: str) -> str:
    return f"guard#{escape(tenant)}#{escape(inbox)}#{escape(source)}#"


def escape(part: str) -> str:
    """Return `part` without `#`, for a key of several parts."""
    return part.replace("%", "%25").replace("#", "%23")


def _body_value(body: bytes) -> Item:
    # As a string, JSON is readable in the AWS console.
    if is_compressed(body):
        return {"B": body}
    try:
        return {"S": body.decode()}
    except UnicodeDecodeError:
        return {"B": body}


def _body_of(value: Item) -> bytes:
    return value["S"].encode() if "S" in value else bytes(value.get("B", b""))


def _optional_text(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _optional_number(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None
