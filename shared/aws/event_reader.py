"""An `EventReader` of the events table, which never writes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.aws.errors import translated_read
from shared.aws.inbox_directory import listing, names_in
from shared.aws.items import (
    CURRENT,
    Item,
    guard_from,
    identity_key,
    number,
    place_key,
    record_from,
    shard_key,
    text,
)
from shared.clock import Clock
from shared.layouts import Layouts
from shared.model import position as positions
from shared.model.errors import Unavailable
from shared.model.event import Identity
from shared.model.records import Count, Guard, Place, QueryResult, Record, StoredEvent
from shared.model.type_pattern import prefix_of, selects_all

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

_BATCH_PAUSES_MS = (0, 20, 40, 80, 160)
"""Pauses before the attempts of a BatchGetItem, which skips keys if it is throttled or its response reaches 16 MB."""


class DynamoReader:
    """Reads one events table. All its errors are `Unavailable`, since a read has no effect that could be unclear."""

    def __init__(self, client: "DynamoDBClient", table: str, layouts: Layouts, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._layouts = layouts
        self._clock = clock

    async def shards(self, inbox: Place, before: str) -> int:
        """Return in how many shards to read the events between two positions; see `ShardReader`."""
        return (await self._layouts.current()).shards_between(inbox, before)

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
        """Return events of one shard between two positions, both exclusive; see `EventReader`.

        DynamoDB also stops at 1 MB of items. It accepts about 100 `types` at most.
        """
        between = _between(inbox.position, before)
        if between is None:
            return QueryResult(events=[], scanned_to=None, stopped_at=None)
        with translated_read():
            response = await self._client.query(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                Limit=limit,
                ScanIndexForward=not newest_first,
                **_with_types({":pk": text(shard_key(inbox, shard)), **between}, types),
            )
        return self._slice(response["Items"], response.get("LastEvaluatedKey"), inbox)

    async def count(self, inbox: Place, *, shard: int, before: str, limit: int, types: Sequence[str] = ()) -> Count:
        """Count events of one shard between two positions, both exclusive; see `EventReader`."""
        between = _between(inbox.position, before)
        if between is None:
            return Count(events=0, stopped_at=None)
        now = self._clock.wall_ms() // 1000
        with translated_read():
            response = await self._client.query(
                TableName=self._table,
                Select="COUNT",
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                Limit=limit,
                **_living({":pk": text(shard_key(inbox, shard)), **between}, types, now),
            )
        last_key = response.get("LastEvaluatedKey")
        return Count(events=response["Count"], stopped_at=last_key["sk"]["S"] if last_key else None)

    async def list_inboxes(self, tenant: str, *, after: str, limit: int) -> list[str]:
        """Return the inboxes that `InboxDirectory` has recorded."""
        with translated_read():
            response = await self._client.query(TableName=self._table, Limit=limit, **listing(tenant, after))
        return names_in(response["Items"])

    def mark(self) -> int:
        """Return 0: changes are not detected."""
        return 0

    async def wait_for_change(self, mark: int, timeout_ms: float) -> None:  # noqa: ARG002 - the port's
        """Wait for `timeout_ms`: DynamoDB does not notify readers."""
        await self._clock.sleep_ms(timeout_ms)

    async def read_guard(self, identity: Identity) -> Guard | None:
        """Return the current guard of `identity`."""
        with translated_read():
            response = await self._client.get_item(
                TableName=self._table,
                Key={"pk": text(identity_key(identity)), "sk": text(CURRENT)},
                ConsistentRead=True,
            )
        item = response.get("Item")
        return None if item is None else guard_from(item, identity)

    async def read_events(self, places: Sequence[Place]) -> list[Record | None]:
        """Return the record at each of up to 25 places, None where there is none. Includes expired items."""
        layout = await self._layouts.current(latest(places))
        keys = [place_key(place, layout) for place in places]
        # DynamoDB rejects a batch that contains a key twice.
        found = await self._batch_get({_name(key): key for key in keys})
        items = [found.get(_name(key)) for key in keys]
        return [None if item is None else record_from(item, place) for item, place in zip(items, places, strict=True)]

    async def ready(self) -> None:
        """Return if the table responds, else raise `Unavailable`. Costs half a read unit."""
        with translated_read():
            await self._client.get_item(TableName=self._table, Key={"pk": {"S": "ready"}, "sk": {"S": "ready"}})

    async def _batch_get(self, keys: dict[tuple[str, str], Item]) -> dict[tuple[str, str], Item]:
        if not keys:
            return {}
        pending: Any = list(keys.values())
        found: dict[tuple[str, str], Item] = {}
        for pause_ms in _BATCH_PAUSES_MS:
            await self._clock.sleep_ms(pause_ms)
            with translated_read():
                response = await self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": pending, "ConsistentRead": True}}
                )
            found |= {_name(item): item for item in response["Responses"].get(self._table, [])}
            if self._table not in response["UnprocessedKeys"]:
                return found
            pending = response["UnprocessedKeys"][self._table]["Keys"]
        raise Unavailable("the events table returned only some of the requested keys")

    def _slice(self, items: Sequence[Item], last_key: Item | None, inbox: Place) -> QueryResult:
        now = self._clock.wall_ms() // 1000
        tenant, name, _, delivered = inbox
        records = (record_from(item, Place(tenant, name, item["sk"]["S"], delivered)) for item in items)
        # Without a last key, the query is complete. With one, no later position has been scanned, though there may be
        # none.
        stopped_at = last_key["sk"]["S"] if last_key else None
        return QueryResult(
            events=[record for record in records if isinstance(record, StoredEvent) and record.expires_at > now],
            scanned_to=stopped_at or (items[-1]["sk"]["S"] if items else None),
            stopped_at=stopped_at,
        )


def latest(places: Sequence[Place]) -> int:
    """Return the time of the latest position of `places`, in epoch ms."""
    return positions.time_of(max((place.position for place in places), default=positions.FIRST))


def _name(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _between(after: str, before: str) -> Item | None:
    """Return the first and last possible position between the two, both exclusive; None if there is none.

    A query allows one condition on the sort key, and BETWEEN includes its bounds. Positions are numbers, so the next
    and the previous one are exact. DynamoDB rejects bounds in the wrong order.
    """
    first = int.from_bytes(positions.to_bytes(after)) + 1
    last = int.from_bytes(positions.to_bytes(before)) - 1
    if first > last:
        return None
    return {
        ":first": text(positions.from_bytes(first.to_bytes(16))),
        ":last": text(positions.from_bytes(last.to_bytes(16))),
    }


def _with_types(values: Item, types: Sequence[str]) -> dict[str, Any]:
    """Return the values of a query, and a filter unless all types are requested."""
    if selects_all(types):
        return {"ExpressionAttributeValues": values}
    condition = _type_is(values, types)
    return {
        "ExpressionAttributeValues": values,
        "ExpressionAttributeNames": {"#type": "type"},
        "FilterExpression": condition,
    }


def _living(values: Item, types: Sequence[str], now: int) -> dict[str, Any]:
    """Return the values and filter of a count, which must exclude what `_slice` removes from the items of a query."""
    values[":now"] = number(now)
    names, condition = {"#ttl": "ttl"}, "attribute_not_exists(tombstone) AND #ttl > :now"
    if not selects_all(types):
        names["#type"] = "type"
        condition += f" AND ({_type_is(values, types)})"
    return {
        "ExpressionAttributeValues": values,
        "ExpressionAttributeNames": names,
        "FilterExpression": condition,
    }


def _type_is(values: Item, types: Sequence[str]) -> str:
    """Return the condition for an item of one of `types`, and add its values to `values`."""
    conditions = []
    for index, pattern in enumerate(types):
        prefix = prefix_of(pattern)
        conditions.append(f"#type = :type{index}" if prefix is None else f"begins_with(#type, :type{index})")
        values[f":type{index}"] = text(pattern if prefix is None else prefix)
    return " OR ".join(conditions)
