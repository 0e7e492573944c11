"""Token budgets in the key table, one item per key: a `Budget`. See `shared.model.token_budget`."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.aws.errors import AWS_ERRORS, code_of, translate
from shared.model.api_key import ApiKey
from shared.model.token_budget import Lease, span_us, tokens_to_take

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient

_SECOND_US = 1_000_000
_TRIES = 3
_KEPT_SECONDS = 3600  # after the bucket is full, when the item is equivalent to none


class DynamoBudget:
    """Buckets in the key table, one item each, next to the keys."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    async def take(self, key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> Lease:
        """Take tokens, with a single write if `full_us` is still correct."""
        for _ in range(_TRIES):
            # Others only take tokens, so the bucket holds at most what the last known state implies.
            amount = tokens_to_take(key, least=least, most=most, now_ms=now_ms, full_us=full_us)
            if not amount:
                break
            taken, full_us = await self._write(key, amount, now_ms, full_us)
            if taken:
                return Lease(amount, full_us)
        return Lease(0, full_us)

    async def _write(self, key: ApiKey, amount: int, now_ms: int, full_us: int) -> tuple[bool, int]:
        """Try to take `amount` from a bucket full at `full_us`; return whether it succeeded, and the actual time."""
        now_us, cost_us = now_ms * 1000, span_us(key, amount)
        expires = now_us // _SECOND_US + -(-key.burst // key.rate) + _KEPT_SECONDS
        # Two cases, since an expression has no max().
        if full_us < now_us:
            change = "SET full_us = :fresh, #ttl = :ttl"
            condition = "attribute_not_exists(full_us) OR full_us < :now"
            values = {":fresh": now_us + cost_us, ":now": now_us}
        else:
            change = "SET #ttl = :ttl ADD full_us :cost"
            condition = "full_us BETWEEN :now AND :latest"
            values = {":cost": cost_us, ":now": now_us, ":latest": now_us + span_us(key, key.burst) - cost_us}
        try:
            answer = await self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"bucket#{key.key_id}"}},
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues=_numbers({**values, ":ttl": expires}),
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise translate(error) from None
            return False, _full_us(error.response.get("Item", {}))  # type: ignore[arg-type] # not in its type
        except AWS_ERRORS as error:
            raise translate(error) from None
        return True, _full_us(answer["Attributes"])


def _numbers(values: dict[str, int]) -> dict[str, Any]:
    return {name: {"N": str(value)} for name, value in values.items()}


def _full_us(item: dict[str, Any]) -> int:
    return int(item.get("full_us", {"N": "0"})["N"])
