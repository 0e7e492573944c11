"""Records which inboxes a tenant has: DynamoDB can't list partition keys without scanning the whole table.

    inboxes#<tenant>    <inbox>    an inbox that events were stored in

A process records an inbox when it first stores events there, and again once a day, for one write unit. The record is a
by-product: if it fails, events are stored nevertheless, and the next ones record the inbox.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shared.aws.errors import translated
from shared.aws.items import Item, escape, number, text
from shared.clock import Clock
from shared.containers import BoundedDict
from shared.model.errors import Unavailable, Unclear
from shared.model.records import StoredEvent

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

_DAY_SECONDS = 86_400
_DAY_MS = _DAY_SECONDS * 1000
_MARGIN_SECONDS = 2 * _DAY_SECONDS
"""A record outlives the events it was made for by this: longer than the time until it is made again."""
_MAX_KNOWN = 100_000
"""Inboxes that a process remembers as recorded, in some 20 MB."""

Expiry = dict[tuple[str, str], int]
"""Tenants and inboxes, with when their last event expires, in epoch seconds."""


class InboxDirectory:
    """Records inboxes, each at most once a day by this process."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._known: BoundedDict[tuple[str, str], int] = BoundedDict(_MAX_KNOWN)

    def due(self, events: Iterable[StoredEvent]) -> Expiry:
        """Return the inboxes of `events` that must be recorded, each with when its last event expires."""
        now_ms = self._clock.monotonic_ms()
        expiry: Expiry = {}
        for event in events:
            inbox = event.place[:2]
            if now_ms - self._known.get(inbox, now_ms - _DAY_MS) >= _DAY_MS:
                expiry[inbox] = max(expiry.get(inbox, 0), event.expires_at)
        return expiry

    async def record(self, inboxes: Expiry) -> None:
        """Record `inboxes`, up to 25. An error of the table is not raised."""
        await asyncio.gather(*(self._put(*inbox, until) for inbox, until in inboxes.items()))

    async def _put(self, tenant: str, inbox: str, expires_at: int) -> None:
        item = {"pk": text(_key(tenant)), "sk": text(inbox), "ttl": number(expires_at + _MARGIN_SECONDS)}
        with suppress(Unavailable, Unclear):
            with translated():
                await self._client.put_item(TableName=self._table, Item=item)
            self._known[tenant, inbox] = self._clock.monotonic_ms()


def listing(tenant: str, after: str) -> dict[str, Any]:
    """Return the query for the inboxes of `tenant` after the name `after`."""
    condition, values = "pk = :pk", {":pk": text(_key(tenant))}
    if after:
        condition += " AND sk > :after"
        values[":after"] = text(after)
    return {
        "KeyConditionExpression": condition,
        "ProjectionExpression": "sk",
        "ExpressionAttributeValues": values,
    }


def names_in(items: Sequence[Item]) -> list[str]:
    """Return the inboxes in the response."""
    return [item["sk"]["S"] for item in items]


def _key(tenant: str) -> str:
    return f"inboxes#{escape(tenant)}"
