"""The ports: what the core asks of a queue, a store and a bucket.

Each has two implementations, AWS's (`queue.py`, `store.py`, `bodies.py`) and one in memory (`memory.py`) that
keeps the same promises and can fail on command. One contract suite runs against both.

Every method is one call to the service. Unless it says otherwise a method may raise
`Unavailable` (nothing took effect) and `Unclear` (cut off: it may have taken effect, or may still).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from shared.model.api_key import ApiKey
from shared.model.event import Identity
from shared.model.records import Count, Guard, Outcome, Place, QueryResult, Record, StoredEvent
from shared.model.token_budget import Lease

MAX_STATEMENTS = 25
"""DynamoDB: statements in one BatchExecuteStatement."""

MAX_MESSAGES = 10
"""SQS: entries in one batch call."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A received message. `handle` is what deletes it; `receives` counts deliveries, this one included.

    `sent_at` is when it was sent, in epoch milliseconds, if the queue tells.
    """

    id: str
    body: str
    handle: str
    receives: int = 1
    attributes: Mapping[str, str] = {}
    sent_at: int | None = None


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message to send. `group` is the fair-queue key (the tenant), None to send without one."""

    body: str
    attributes: Mapping[str, str] = {}
    group: str | None = None
    delay_seconds: int = 0


class MessageSink(Protocol):
    """The sending half of a queue."""

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Send up to `MAX_MESSAGES` messages of together 1 MiB in one call; one outcome each, in order.

        `DONE`: the queue holds it. `REFUSED`: it never will. Anything else: it does not, or may not.
        """
        ...

    async def backlog(self) -> int:
        """Return about how many messages wait. Raises `Unavailable` if the queue does not answer."""
        ...


class EventQueue(MessageSink, Protocol):
    """A queue with at-least-once delivery in no particular order."""

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        """Take up to `limit` (1..10) messages, hidden from others for `visibility_seconds`."""
        ...

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete up to `MAX_MESSAGES` messages. One that is gone already counts as deleted."""
        ...

    async def change_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        """Keep up to `MAX_MESSAGES` received messages from others for `seconds` (0..43,200) from now."""
        ...


class ShardReader(Protocol):
    """The store as who follows an inbox sees it."""

    async def query(
        self,
        inbox: Place,
        *,
        shard: int,
        before: str,
        limit: int,
        types: Sequence[str] = (),
        newest_first: bool = False,
    ) -> QueryResult:
        """Return events of one shard after `inbox.position` (exclusive) and before `before` (exclusive).

        Evaluates at most `limit` items. Tombstones, expired items, and with `types` (exact, or `order.*`)
        other types are scanned but not returned. The read is consistent.
        """
        ...


class EventReader(ShardReader, Protocol):
    """The store as the inbox sees it: nothing here writes. All reads but `count` are consistent."""

    async def count(self, inbox: Place, *, shard: int, before: str, limit: int, types: Sequence[str] = ()) -> Count:
        """Count what `query` would return, oldest first, at half its price. May lag behind by some seconds."""
        ...

    def mark(self) -> int:
        """Return a mark of the store's present state, for `wait_for_change`."""
        ...

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:
        """Return once anything may have been stored since `mark`, after `timeout_ms` at the latest.

        A store that cannot notice changes waits for `timeout_ms`.
        """
        ...

    async def read_guard(self, identity: Identity) -> Guard | None:
        """Return the current guard of `identity`."""
        ...

    async def read_events(self, places: Sequence[Place]) -> list[Record | None]:
        """Return what lies at up to 25 places, in their order. Expired items are returned."""
        ...

    async def ready(self) -> None:
        """Return if the table answers; raise `Unavailable` if it does not."""
        ...


class EventStore(EventReader, Protocol):
    """The store as the worker sees it.

    The methods that take `current` change guards: they take effect only if the identity's current guard
    still has `current.receipt` and `current.version`, raise its version by one, and answer whether they did.
    They raise `Poison` if the store will never take what they write.
    """

    async def insert_guards(self, guards: Sequence[Guard]) -> list[Outcome]:
        """Claim up to 25 identities; each statement succeeds or fails alone."""
        ...

    async def insert_events(self, events: Sequence[StoredEvent]) -> list[Outcome]:
        """Insert up to 25 events at their places; each fails alone with `EXISTS` if something lies there."""
        ...

    async def remove_events(self, places: Sequence[Place]) -> None:
        """Delete the events at up to 25 places. A tombstone stays; nothing there is no error."""
        ...

    async def read_guards(self, identity: Identity) -> list[Guard]:
        """Return all guards of `identity`, the current one and the older ones (consistent)."""
        ...

    async def take_over(self, current: Guard, new: Guard) -> bool:
        """Make `new` the current guard; the old one is kept under its receipt."""
        ...

    async def insert_older(self, current: Guard, older: Guard) -> bool:
        """Add a guard of an event accepted before the current one's, kept under its receipt."""
        ...

    async def reposition(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move `guard` from its position to `event`'s, and insert `event` there, in one transaction.

        A tombstone that names the new position replaces what lies at the old one. Fails, besides on
        `current`, if anything lies among the delivered at the old position; else a tombstone lies there after.
        """
        ...

    async def erase(self, current: Guard, guard: Guard, erased_at: int) -> bool:
        """Mark `guard` erased, and put tombstones at its position, undelivered and delivered, in one transaction."""
        ...


class BodyStore(Protocol):
    """Bodies too big for an item."""

    async def put(self, key: str, body: bytes) -> None:
        """Store `body`, unless something lies under `key`, or did: the same body, or what `delete` left there."""
        ...

    async def get(self, key: str) -> bytes:
        """Return the body under `key`; raises `NotFound` if there is none."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the body under `key` for good, if there is one: what is put there from now on is not kept.

        A worker that died may have put it just then, or its put may still be on its way.
        """
        ...


class KeyStore(Protocol):
    """API keys. Reads may raise `Unavailable`, writes `Unavailable` and `Unclear`."""

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key `key_id` (a consistent read), None if there is none."""
        ...

    async def put(self, key: ApiKey) -> None:
        """Add a key; raises `ValueError` if its id is taken."""
        ...

    async def keys_of(self, tenant: str | None = None) -> list[ApiKey]:
        """Return all keys, or one tenant's, oldest first. Reads the whole table."""
        ...

    async def revoke(self, key_id: str, revoked_at: int) -> ApiKey:
        """Mark a key revoked (epoch milliseconds) and return it; raises `NotFound`. A second time changes nothing."""
        ...

    async def expire(self, key_id: str, expires_at: int) -> ApiKey:
        """Let a key expire then (epoch milliseconds), unless it does before; return it; raises `NotFound`."""
        ...

    async def record_use(self, key_id: str, used_at: int) -> None:
        """Note when a key was last used (epoch milliseconds). A key that is not there is no error."""
        ...

    async def ready(self) -> None:
        """Return if keys can be read; raise `Unavailable` if not."""
        ...


class Budget(Protocol):
    """Where the buckets are kept."""

    async def take(self, key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> Lease:
        """Take as many tokens as there are from the bucket of `key`, `most` at most; none if below `least` (1..burst).

        `full_us` is what the last lease said, 0 before any: a wrong guess costs a second write. Raises `Unavailable`
        and `Unclear`; tokens that were taken unclearly lapse.
        """
        ...


class Backend(Protocol):
    """Everything one process uses of its deployment; each port is opened when it is first requested.

    A method raises `Unavailable` if what it opens does not exist or does not answer, and may then be called again.
    """

    async def queue(self) -> EventQueue:
        """Return the queue of packs."""
        ...

    async def queue_sender(self) -> MessageSink:
        """Return the sending half of the queue of packs."""
        ...

    async def dlq(self) -> EventQueue:
        """Return the dead-letter queue."""
        ...

    async def event_store(self) -> EventStore:
        """Return the events table for the worker; raise `InvalidSettings` if it was created with other settings."""
        ...

    async def event_reader(self) -> EventReader:
        """Return the events table for readers; raise `InvalidSettings` as `event_store` does."""
        ...

    async def bodies(self) -> BodyStore:
        """Return the store of large bodies."""
        ...

    async def keys(self) -> KeyStore:
        """Return the API keys."""
        ...

    async def budget(self) -> Budget:
        """Return the token budgets that processes share."""
        ...

    async def maintain(self) -> None:
        """Do what the backend needs done in the background, until cancelled; may return at once. Run by workers."""
        ...

    async def aclose(self) -> None:
        """Close everything that was opened."""
        ...
