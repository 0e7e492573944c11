"""A `SourceStore` in a DynamoDB table.

    source#<id>               the source, as JSON, and its version
    name#<tenant>#<name>      the id of the source that has the name

Names are unique within a tenant, so a source and its name are put and deleted in one transaction.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from shared.aws.errors import translated_read
from shared.aws.small_table import ConditionFailed, scan, writing
from shared.model.source import Source, changed_meanwhile, in_order, name_taken, unknown_source

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient

_PREFIX = "source#"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Source).decode


class DynamoSourceStore:
    """Sources in a DynamoDB table whose partition key is `pk`."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    async def get(self, source_id: str) -> Source | None:
        """Return the source, None if it does not exist."""
        item = await self._item(_pk(source_id))
        return _source(item) if item else None

    async def find(self, tenant: str, name: str) -> Source | None:
        """Return the tenant's source of this name."""
        item = await self._item(_name_pk(tenant, name))
        return await self.get(item["source_id"]["S"]) if item else None

    async def put(self, source: Source) -> None:
        """Add a source."""
        name = {**_name_pk(source.tenant, source.name), "source_id": {"S": source.source_id}}
        free = "attribute_not_exists(pk)"
        try:
            with writing():
                await self._client.transact_write_items(
                    TransactItems=[
                        {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": free}}
                        for item in (_record(source), name)
                    ]
                )
        except ConditionFailed:
            raise name_taken(source) from None

    async def sources_of(self, tenant: str | None = None) -> list[Source]:
        """Return sources by tenant and name."""
        return in_order(map(_source, await scan(self._client, self._table, _PREFIX)), tenant)

    async def replace(self, source: Source) -> None:
        """Store a changed source."""
        try:
            with writing():
                await self._client.put_item(
                    TableName=self._table,
                    Item=_record(source),
                    ConditionExpression="version = :seen",
                    ExpressionAttributeValues={":seen": {"N": str(source.version - 1)}},
                )
        except ConditionFailed:
            if await self.get(source.source_id) is None:
                raise unknown_source(source.name) from None
            raise changed_meanwhile(source) from None

    async def delete(self, source: Source) -> None:
        """Remove a source."""
        with suppress(ConditionFailed), writing():
            await self._client.transact_write_items(
                TransactItems=[
                    {"Delete": {"TableName": self._table, "Key": _pk(source.source_id)}},
                    {
                        "Delete": {
                            "TableName": self._table,
                            "Key": _name_pk(source.tenant, source.name),
                            # If this source was deleted before, another may have the name now.
                            "ConditionExpression": "attribute_not_exists(pk) OR source_id = :id",
                            "ExpressionAttributeValues": {":id": {"S": source.source_id}},
                        }
                    },
                ]
            )

    async def ready(self) -> None:
        """Return if the table responds."""
        await self.get("ready")

    async def _item(self, key: dict[str, Any]) -> dict[str, Any] | None:
        with translated_read():
            answer = await self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return answer.get("Item")


def _pk(source_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"{_PREFIX}{source_id}"}}


def _name_pk(tenant: str, name: str) -> dict[str, Any]:
    return {"pk": {"S": f"name#{quote(tenant, safe='')}#{name}"}}


def _record(source: Source) -> dict[str, Any]:
    return {
        **_pk(source.source_id),
        "tenant": {"S": source.tenant},
        "version": {"N": str(source.version)},
        "record": {"S": _encode(source).decode()},
    }


def _source(item: dict[str, Any]) -> Source:
    return _decode(item["record"]["S"])
