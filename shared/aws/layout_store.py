"""A `LayoutStore` in one item of the events table, under the key `layout`."""

from typing import TYPE_CHECKING, Any

from shared.aws.dates import milliseconds_of
from shared.aws.errors import translated_read
from shared.aws.items import number, text
from shared.aws.small_table import ConditionFailed, writing
from shared.layout_ports import Reading
from shared.model.errors import InvalidSettings, Unavailable
from shared.model.layout import Layout, decode, encode

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import AttributeValueTypeDef

_NAME, _EARLIER = "layout", "config"
_KEY: "dict[str, AttributeValueTypeDef]" = {"pk": {"S": _NAME}, "sk": {"S": _NAME}}
_EARLIER_KEY: "dict[str, AttributeValueTypeDef]" = {"pk": {"S": _EARLIER}, "sk": {"S": _EARLIER}}


class DynamoLayoutStore:
    """The layout of one events table. The SDK must not retry a write: use `AwsClients.dynamodb_once`."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    async def read(self) -> Reading:
        """Return the layout and the time of the response, which DynamoDB states to the second.

        Raises `InvalidSettings` if the table is from a release in which all inboxes had the same number of shards.
        """
        with translated_read():
            # Not GetItem, whose response has no headers here (`shared.aws.direct_calls`).
            response = await self._client.batch_get_item(
                RequestItems={self._table: {"Keys": [_KEY, _EARLIER_KEY], "ConsistentRead": True}}
            )
        if response.get("UnprocessedKeys"):
            raise Unavailable("the events table did not return the layout")
        items = {item["pk"]["S"]: item for item in response["Responses"].get(self._table, [])}
        if _EARLIER in items:
            raise InvalidSettings([f"{self._table} is from an earlier release: create a new table (docs/upgrading.md)"])
        found = items.get(_NAME)
        layout = Layout() if found is None else decode(int(found["version"]["N"]), found["inboxes"]["S"])
        return Reading(layout, milliseconds_of(response["ResponseMetadata"].get("HTTPHeaders", {}).get("date", "")))

    async def write(self, layout: Layout) -> bool:
        """Replace the layout if its version is one less than that of `layout`; costs a write unit for each 1 KB."""
        item = {**_KEY, "version": number(layout.version), "inboxes": text(encode(layout).decode())}
        try:
            with writing():
                await self._client.put_item(TableName=self._table, Item=item, **_unless_changed(layout.version - 1))
        except ConditionFailed:
            return False
        return True


def _unless_changed(version: int) -> dict[str, Any]:
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":version": number(version)},
    }
