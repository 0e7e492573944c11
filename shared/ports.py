"""The ports: the interfaces of the queue, the event store and the bucket, and the `Backend` that opens all ports.

`shared.aws`, `shared.sqlite` and `shared.memory` implement them; the last can fail on command, for tests. One contract
suite, `tests/contract`, runs against all three.

Every method is one call to the service. Unless documented otherwise, a method may raise
`Unavailable` (nothing took effect) and `Unclear` (interrupted: it may have taken effect, or may yet do so).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from shared.group_ports import GroupStore
from shared.key_ports import Budget, KeyStore
from shared.layouts import Layouts
from shared.model.event import Identity
from shared.model.records import Count, Guard, Outcome, Place, QueryResult, Record, StoredEvent
from shared.service_time import ServiceTime
from shared.source_ports import SecretBox, SourceStore

MAX_STATEMENTS = 25
"""DynamoDB: statements in one BatchExecuteStatement."""

MAX_MESSAGES = 10
"""SQS: entries in one batch call."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A received message. `handle` is needed to delete it; `receives` counts deliveries, including this one.

    `sent_at` is the time it was sent, in epoch milliseconds, None if the queue does not report it.
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
    """The sending side of a queue."""

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Send up to `MAX_MESSAGES` messages, at most 1 MiB together; return their outcomes in order.

        `DONE`: the queue has the message. `REFUSED`: the queue will never accept it. Any other: it was not sent, or
        may not have been.
        """
        ...

    async def backlog(self) -> int:
        """Return the approximate number of messages in the queue. Raises `Unavailable` if it does not respond."""
        ...


class EventQueue(MessageSink, Protocol):
    """A queue with at-least-once delivery in no particular order."""

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        """Receive up to `limit` (1..10) messages, which are invisible to others for `visibility_seconds`."""
        ...

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete up to `MAX_MESSAGES` messages. Deleting a message that no longer exists succeeds."""
        ...

    async def change_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        """Make up to `MAX_MESSAGES` received messages invisible for `seconds` (0..43,200) from now."""
        ...


class ShardReader(Protocol):
    """The part of the store that reads pages of an inbox."""

    async def shards(self, inbox: Place, before: str) -> int:
        """Return in how many shards to read the events from `inbox.position` to `before`.

        To be called after `before` was determined. Raises `Unavailable` if the layout can't be read.
        """
        ...

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

        Evaluates at most `limit` items. Tombstones, expired items and, if `types` (exact, or `order.*`) is not empty,
        events of other types are scanned but not returned. The read is consistent.
        """
        ...


class EventReader(ShardReader, Protocol):
    """The read-only part of the store, for the inbox. All reads except `count` are consistent."""

    async def count(self, inbox: Place, *, shard: int, before: str, limit: int, types: Sequence[str] = ()) -> Count:
        """Count the events that `query` would return, oldest first, at half its cost. May lag by some seconds."""
        ...

    async def list_inboxes(self, tenant: str, *, after: str, limit: int) -> list[str]:
        """Return the names of up to `limit` inboxes of `tenant` after the name `after`, in the order of their bytes.

        An inbox is listed from its first event, undelivered or delivered, until that and all later ones have expired.
        May lag by some seconds, and list an inbox for some days longer.
        """
        ...

    def mark(self) -> int:
        """Return a marker of the store's current state, for `wait_for_change`."""
        ...

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:
        """Wait until something may have been stored since `mark`, for at most `timeout_ms`.

        A store that cannot detect changes always waits `timeout_ms`.
        """
        ...

    async def read_guard(self, identity: Identity) -> Guard | None:
        """Return the current guard of `identity`."""
        ...

    async def read_events(self, places: Sequence[Place]) -> list[Record | None]:
        """Return the record at each of up to 25 places, None where there is none. Includes expired items."""
        ...

    async def ready(self) -> None:
        """Return if the table responds, else raise `Unavailable`."""
        ...


class EventStore(EventReader, Protocol):
    """The whole store, for the worker.

    The methods with a parameter `current` change guards: they take effect only if the identity's current guard
    still has `current.receipt` and `current.version`, increment its version, and return whether they took effect.
    They raise `Poison` if the store will never accept the items they write.
    """

    async def prepare(self) -> None:
        """Return once an insert needs no other call before it, which would take time; else raise `Unavailable`."""
        ...

    async def insert_guards(self, guards: Sequence[Guard]) -> list[Outcome]:
        """Claim up to 25 identities; each statement succeeds or fails independently."""
        ...

    async def insert_events(self, events: Sequence[StoredEvent]) -> list[Outcome]:
        """Insert up to 25 events at their places, independently; `EXISTS` if a place is taken."""
        ...

    async def remove_events(self, places: Sequence[Place]) -> None:
        """Delete the events at up to 25 places. Tombstones remain; an empty place is no error."""
        ...

    async def read_guards(self, identity: Identity) -> list[Guard]:
        """Return all guards of `identity`, the current one and the older ones (a consistent read)."""
        ...

    async def move_guards(self, moved: Sequence[Guard]) -> list[Outcome]:
        """Give up to 25 current guards the positions of `moved`, independently; no event was sent to the old ones.

        `EXISTS`, and no effect, unless the stored guard has the same receipt and a version that is one less.
        """
        ...

    async def take_over(self, current: Guard, new: Guard) -> bool:
        """Make `new` the current guard; keep the old one under its receipt."""
        ...

    async def insert_older(self, current: Guard, older: Guard) -> bool:
        """Add the guard of an event accepted before the current guard's event, under its receipt."""
        ...

    async def move_and_insert(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move `guard` and insert `event` at the new position, in one transaction.

        Without tombstones: no event may have been sent to the old position.
        """
        ...

    async def reposition(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move `guard` from its position to that of `event`, and insert `event` there, in one transaction.

        At the old position, a tombstone that names the new one replaces any undelivered event, and another takes the
        delivered place. Also fails if the delivered place of the old position is taken.
        """
        ...

    async def erase(self, current: Guard, erased: Guard) -> bool:
        """Give a guard the two times of `erased`, and put tombstones at both places of its position, at once."""
        ...


class BodyStore(Protocol):
    """Storage of bodies that are too large for an item."""

    async def put(self, key: str, body: bytes) -> None:
        """Store `body` under `key`, unless `key` already holds the same body or the marker that `delete` leaves."""
        ...

    async def get(self, key: str) -> bytes:
        """Return the body under `key`; raise `NotFound` if there is none."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the body under `key`, if any, permanently: later puts under `key` have no effect.

        A put of a worker that died may still be in transit.
        """
        ...


class Backend(Protocol):
    """Everything that one process uses of its deployment; each port is opened when first requested.

    A method raises `Unavailable` if the resource does not exist or does not respond, and may then be called again.
    """

    @property
    def service_time(self) -> ServiceTime:
        """The time of the services, from their answers."""
        ...

    async def queue(self) -> EventQueue:
        """Return the queue of packs."""
        ...

    async def queue_sender(self) -> MessageSink:
        """Return the sending side of the queue of packs."""
        ...

    async def dlq(self) -> EventQueue:
        """Return the dead-letter queue."""
        ...

    async def event_store(self) -> EventStore:
        """Return the events table for the worker; raise `InvalidSettings` if it is from a newer release."""
        ...

    async def event_reader(self) -> EventReader:
        """Return the events table for readers; raise `InvalidSettings` as `event_store` does."""
        ...

    async def layouts(self) -> Layouts | None:
        """Return the layout of the events table; None if each inbox always has one shard."""
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

    async def groups(self) -> GroupStore:
        """Return the consumer groups."""
        ...

    async def sources(self) -> SourceStore:
        """Return the sources of webhooks."""
        ...

    async def secret_box(self) -> SecretBox:
        """Return what encrypts the signing secrets of sources."""
        ...

    async def maintain(self) -> None:
        """Run the backend's background maintenance until cancelled; may return at once. Workers run it."""
        ...

    async def aclose(self) -> None:
        """Close all open ports."""
        ...
