"""Stores the number of shards in the events table, since it can't change during the life of the table.

With another number, reads would query the wrong partitions and silently miss events. So one item of the events table
records the number with which it was first used. The worker claims it before its first write, and readers check it.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.model.errors import InvalidSettings, Unavailable
from shared.settings import Settings

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import AttributeValueTypeDef

_KEY: "dict[str, AttributeValueTypeDef]" = {"pk": {"S": "config"}, "sk": {"S": "config"}}


async def claim(dynamodb: "DynamoDBClient", settings: Settings) -> None:
    """Write `INBOX_SHARDS` to the events table, or raise `InvalidSettings` if it was first used with another number.

    Raises `Unavailable` if the table does not respond.
    """
    try:
        await dynamodb.put_item(
            TableName=settings.dynamodb_table_events,
            Item={**_KEY, "inbox_shards": {"N": str(settings.inbox_shards)}},
            ConditionExpression="attribute_not_exists(pk)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        await check(dynamodb, settings)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"the events table does not answer: {error}") from error


async def check(dynamodb: "DynamoDBClient", settings: Settings) -> None:
    """Raise `InvalidSettings` if the events table was first used with another `INBOX_SHARDS`; never writes.

    Raises `Unavailable` if the table does not respond. A table that has not been used yet accepts any number.
    """
    try:
        answer = await dynamodb.get_item(TableName=settings.dynamodb_table_events, Key=_KEY, ConsistentRead=True)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"the events table does not answer: {error}") from error
    used = int(answer.get("Item", {}).get("inbox_shards", {}).get("N", settings.inbox_shards))
    if used != settings.inbox_shards:
        table = settings.dynamodb_table_events
        raise InvalidSettings(
            [f"INBOX_SHARDS={settings.inbox_shards}: table {table!r} was created with {used}, permanently"]
        )
