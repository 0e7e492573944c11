"""An `EventStore` in the events table.

Every change to guards after their claim is one conditional call with the receipt and version of the identity's current
guard. So of two changes based on the same state one fails, and its caller reads again. All items that a change affects
are in the same transaction.

The SDK must not retry here, or a write could land after its position has settled: use `AwsClients.dynamodb_once`.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from shared.aws.batch import delete_event, execute, insert, move_guard
from shared.aws.errors import translated_read
from shared.aws.event_reader import DynamoReader, latest
from shared.aws.inbox_directory import InboxDirectory
from shared.aws.items import Item, guard_from, guard_item, identity_key, place_key, record_item, text
from shared.aws.transactions import Part, add, put, raise_version, replace_current, transact, update_guard
from shared.clock import Clock
from shared.layouts import Layouts
from shared.model.errors import Unavailable, Unclear
from shared.model.event import Identity
from shared.model.layout import Layout
from shared.model.records import Guard, Outcome, Place, StoredEvent, Tombstone

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef

T = TypeVar("T")

_TOMBSTONE_SECONDS = 86_400
"""Lifetime of a tombstone: far longer than the time in which an abandoned call can still take effect."""


class DynamoStore(DynamoReader):
    """Reads and writes one events table."""

    def __init__(self, client: "DynamoDBClient", table: str, layouts: Layouts, clock: Clock) -> None:
        super().__init__(client, table, layouts, clock)
        self._directory = InboxDirectory(client, table, clock)

    async def prepare(self) -> None:
        """Read the layout if the copy of this process is too old to write with."""
        await self._layouts.current(self._clock.wall_ms())

    async def insert_guards(self, guards: Sequence[Guard]) -> list[Outcome]:
        """Claim up to 25 identities; each statement succeeds or fails independently."""
        return await execute(self._client, [insert(self._table, guard_item(guard)) for guard in guards])

    async def insert_events(self, events: Sequence[StoredEvent]) -> list[Outcome]:
        """Insert up to 25 events at their places, independently; `EXISTS` if a place is taken."""
        layout = await self._layouts.for_writing(latest([event.place for event in events]))
        items = [record_item(event, layout) for event in events]
        inserting = execute(self._client, [insert(self._table, item) for item in items])
        return await self._recorded(events, inserting)

    async def remove_events(self, places: Sequence[Place]) -> None:
        """Delete the events at up to 25 places; tombstones remain. If it raises, some may already be deleted."""
        # Two statements of one batch must not name the same key.
        layout = await self._layouts.current(latest(places))
        keys = [place_key(place, layout) for place in dict.fromkeys(places)]
        outcomes = await execute(self._client, [delete_event(self._table, key) for key in keys])
        if Outcome.UNCLEAR in outcomes:
            raise Unclear("some events may not have been deleted")
        if Outcome.THROTTLED in outcomes or Outcome.REFUSED in outcomes:
            raise Unavailable("some events were not deleted")

    async def read_guards(self, identity: Identity) -> list[Guard]:
        """Return all guards of `identity`, the current one and the older ones."""
        guards: list[Guard] = []
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": identity_key(identity)}},
        }
        while True:
            with translated_read():
                response = await self._client.query(**query)
            guards += [guard_from(item, identity) for item in response["Items"]]
            if "LastEvaluatedKey" not in response:
                return guards
            query["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    async def move_guards(self, moved: Sequence[Guard]) -> list[Outcome]:
        """Move up to 25 current guards to other positions; each statement succeeds or fails independently."""
        return await execute(self._client, [move_guard(self._table, guard) for guard in moved])

    async def take_over(self, current: Guard, new: Guard) -> bool:
        """Make `new` the current guard; keep the old one under its receipt."""
        successor = replace(new, current=True, version=current.version + 1)
        return await transact(
            self._client,
            [
                replace_current(self._table, current, successor),
                add(self._table, guard_item(replace(current, current=False))),
            ],
        )

    async def insert_older(self, current: Guard, older: Guard) -> bool:
        """Add the guard of an event accepted before the current guard's event, under its receipt."""
        return await transact(
            self._client,
            [
                raise_version(self._table, current),
                add(self._table, guard_item(replace(older, current=False))),
            ],
        )

    async def move_and_insert(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move `guard` to the event's position, and insert the event."""
        layout = await self._layouts.for_writing(latest([event.place]))
        return await self._recorded([event], transact(self._client, self._move(current, guard, event, layout)))

    async def reposition(self, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        """Move `guard` and its event to the event's place, leaving tombstones at the old one; see `EventStore`."""
        old, position = event.place._replace(position=guard.position), event.place.position
        layout = await self._layouts.for_writing(latest([event.place]), tombstones_ms=latest([old]))
        moving = transact(
            self._client,
            [
                *self._move(current, guard, replace(event, moved=True), layout),
                put(self._table, self._tombstone(old, position, layout)),
                # Added, not put: an event there was acked, and must not be replaced.
                add(self._table, self._tombstone(old._replace(delivered=True), position, layout)),
            ],
        )
        return await self._recorded([event], moving)

    async def erase(self, current: Guard, erased: Guard) -> bool:
        """Mark a guard as `erased` says, and put tombstones at both places of its position."""
        place = Place(erased.identity.tenant, erased.identity.inbox, erased.position)
        mark = {name: value for name, value in guard_item(erased).items() if name in ("erased_at", "ttl")}
        layout = await self._layouts.for_writing(0, tombstones_ms=latest([place]))
        return await transact(
            self._client,
            [
                *update_guard(self._table, current, erased, mark),
                put(self._table, self._tombstone(place, None, layout)),
                put(self._table, self._tombstone(place._replace(delivered=True), None, layout)),
            ],
        )

    async def _recorded(self, events: Sequence[StoredEvent], storing: Coroutine[Any, Any, T]) -> T:
        """Return what `storing` returns; meanwhile, record inboxes of `events` if it is time to."""
        inboxes = self._directory.due(events)
        if not inboxes:
            return await storing
        stored, _ = await asyncio.gather(storing, self._directory.record(inboxes))
        result: T = stored
        return result

    def _move(self, current: Guard, guard: Guard, event: StoredEvent, layout: Layout) -> list[Part]:
        return [
            *update_guard(self._table, current, guard, {"position": text(event.place.position)}),
            add(self._table, record_item(event, layout)),
        ]

    def _tombstone(self, place: Place, moved_to: str | None, layout: Layout) -> Item:
        expires_at = self._clock.wall_ms() // 1000 + _TOMBSTONE_SECONDS
        return record_item(Tombstone(place=place, moved_to=moved_to, expires_at=expires_at), layout)
