"""What the tables of keys and of sources share: conditional writes, and scans."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.aws.errors import AWS_ERRORS, code_of, translate, translated_read

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient

_CONDITION_FAILED = "ConditionalCheckFailed"


class ConditionFailed(Exception):
    """The condition of a write did not hold."""


@contextmanager
def writing() -> Iterator[None]:
    """Translate the errors of a write; raise `ConditionFailed` if its condition did not hold."""
    try:
        yield
    except ClientError as error:
        reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
        if code_of(error) == f"{_CONDITION_FAILED}Exception" or _CONDITION_FAILED in reasons:
            raise ConditionFailed from None
        raise translate(error) from None
    except AWS_ERRORS as error:
        raise translate(error) from None


async def scan(client: "DynamoDBClient", table: str, prefix: str) -> list[dict[str, Any]]:
    """Return all items whose `pk` starts with `prefix`. For tables with few items, which only operators list."""
    found: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        with translated_read():
            page = await client.scan(
                TableName=table,
                ConsistentRead=True,
                FilterExpression="begins_with(pk, :prefix)",
                ExpressionAttributeValues={":prefix": {"S": prefix}},
                **start,
            )
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
