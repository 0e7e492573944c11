"""One budget per key for all processes: a token bucket of which each process leases a few tokens at a time.

A bucket is one number, the moment at which it will be full again. Taking n tokens moves that moment n / rate later,
counted from now if it has passed, and may not move it further ahead than burst / rate. So a lease is one conditional
write that needs no lock, and two processes that write at once both get what they took.

Machines count with their own clocks. All that is granted moves the moment, or restarts it at a machine's now, so
clocks that differ by s seconds grant rate x s tokens more in all, not each time. A moment further ahead than the
bucket's span and `MAX_SKEW_MS` is by some clock that is wrong, and counts as no answer.
"""

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botocore.exceptions import ClientError

from shared.aws.errors import AWS_ERRORS, code_of, translate
from shared.model.api_key import ApiKey
from shared.model.errors import Unavailable

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient

MAX_SKEW_MS = 1000
"""Clocks may differ by so much; past it every process counts alone."""

_SECOND_US = 1_000_000
_TRIES = 3
_KEPT_SECONDS = 3600  # past being full, when an item tells no more than none would


class Lease(NamedTuple):
    """Tokens that are the process's now, and when the joint bucket will be full (epoch µs)."""

    tokens: int
    full_us: int


class Budget(Protocol):
    """Where the buckets are kept."""

    async def take(self, key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> Lease:
        """Take as many tokens as there are from the bucket of `key`, `most` at most; none if below `least` (1..burst).

        `full_us` is what the last lease said, 0 before any: a wrong guess costs a second write. Raises `Unavailable`
        and `Unclear`; tokens that were taken unclearly lapse.
        """
        ...


def available(key: ApiKey, full_us: int, now_ms: int) -> int:
    """Return how many tokens the bucket holds; below zero if a faster clock has taken some of tomorrow's."""
    return key.burst - max(0, -((now_ms * 1000 - full_us) * key.rate // _SECOND_US))


class MemoryBudget:
    """Buckets in a dict, which several limiters may share."""

    def __init__(self) -> None:
        self._full_us: dict[str, int] = {}

    async def take(self, key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> Lease:  # noqa: ARG002
        """Take tokens."""
        found_us = self._full_us.get(key.key_id, 0)
        amount = _amount(key, least=least, most=most, now_ms=now_ms, full_us=found_us)
        if amount:
            found_us = self._full_us[key.key_id] = max(found_us, now_ms * 1000) + _span_us(key, amount)
        return Lease(amount, found_us)


class DynamoBudget:
    """Buckets in the key table, an item each, beside the keys."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    async def take(self, key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> Lease:
        """Take tokens with one write if `full_us` is still right."""
        for _ in range(_TRIES):
            # Others only take, so the bucket never holds more than what was last seen lets expect.
            amount = _amount(key, least=least, most=most, now_ms=now_ms, full_us=full_us)
            if not amount:
                break
            taken, full_us = await self._write(key, amount, now_ms, full_us)
            if taken:
                return Lease(amount, full_us)
        return Lease(0, full_us)

    async def _write(self, key: ApiKey, amount: int, now_ms: int, full_us: int) -> tuple[bool, int]:
        """Try to take `amount` from what is full at `full_us`; return whether that went, and when it really is."""
        now_us, cost_us = now_ms * 1000, _span_us(key, amount)
        expires = now_us // _SECOND_US + -(-key.burst // key.rate) + _KEPT_SECONDS
        # Two cases, since an expression has no max().
        if full_us < now_us:
            change = "SET full_us = :fresh, #ttl = :ttl"
            condition = "attribute_not_exists(full_us) OR full_us < :now"
            values = {":fresh": now_us + cost_us, ":now": now_us}
        else:
            change = "SET #ttl = :ttl ADD full_us :cost"
            condition = "full_us BETWEEN :now AND :latest"
            values = {":cost": cost_us, ":now": now_us, ":latest": now_us + _span_us(key, key.burst) - cost_us}
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


def _amount(key: ApiKey, *, least: int, most: int, now_ms: int, full_us: int) -> int:
    """Return how many tokens to take; raise `Unavailable` if two clocks disagree too much."""
    if full_us > now_ms * 1000 + _span_us(key, key.burst) + MAX_SKEW_MS * 1000:
        raise Unavailable("the clock that counted last is far ahead of this one")
    amount = min(most, available(key, full_us, now_ms))
    return amount if amount >= least else 0


def _span_us(key: ApiKey, tokens: int) -> int:
    """Return how long `tokens` take to come back; rounded down, or rounding would cost small buckets a token."""
    return max(1, tokens * _SECOND_US // key.rate)


def _numbers(values: dict[str, int]) -> dict[str, Any]:
    return {name: {"N": str(value)} for name, value in values.items()}


def _full_us(item: dict[str, Any]) -> int:
    return int(item.get("full_us", {"N": "0"})["N"])
