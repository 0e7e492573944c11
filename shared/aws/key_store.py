"""API keys in a DynamoDB table: a `KeyStore`."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from shared.aws.errors import translated_read
from shared.aws.small_table import ConditionFailed, scan, writing
from shared.model.api_key import ApiKey, in_order, key_taken, unknown_key

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient

_PREFIX = "key#"


class DynamoKeyStore:
    """Keys in a DynamoDB table; one item each, its attributes named as the fields of `ApiKey`."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key, None if it does not exist."""
        with translated_read():
            answer = await self._client.get_item(TableName=self._table, Key=_pk(key_id), ConsistentRead=True)
        item = answer.get("Item")
        return _decode(item) if item else None

    async def put(self, key: ApiKey) -> None:
        """Add a key; never replace one."""
        try:
            with writing():
                await self._client.put_item(
                    TableName=self._table,
                    Item={**_pk(key.key_id), **_encode(key)},
                    ConditionExpression="attribute_not_exists(pk)",
                )
        except ConditionFailed:
            raise key_taken(key) from None

    async def keys_of(self, tenant: str | None = None) -> list[ApiKey]:
        """Return keys, oldest first."""
        # The table also contains token buckets.
        return in_order(map(_decode, await scan(self._client, self._table, _PREFIX)), tenant)

    async def revoke(self, key_id: str, revoked_at: int) -> ApiKey:
        """Mark a key as revoked."""
        await self._set(key_id, "revoked_at", revoked_at, "attribute_not_exists(revoked_at)")
        return await self._found(key_id)

    async def expire(self, key_id: str, expires_at: int) -> ApiKey:
        """Make a key expire."""
        later = "attribute_not_exists(expires_at) OR expires_at > :time"
        await self._set(key_id, "expires_at", expires_at, later)
        return await self._found(key_id)

    async def record_use(self, key_id: str, used_at: int) -> None:
        """Record a use."""
        earlier = "attribute_not_exists(last_used_at) OR last_used_at < :time"
        await self._set(key_id, "last_used_at", used_at, earlier)

    async def ready(self) -> None:
        """Return if the table responds."""
        # Uses the one call that is permitted even to a process that may only read keys.
        await self.get("ready")

    async def _set(self, key_id: str, field: str, time_ms: int, condition: str) -> None:
        """Set the time `field` of a key if it exists and meets `condition`; else do nothing."""
        with suppress(ConditionFailed), writing():
            await self._client.update_item(
                TableName=self._table,
                Key=_pk(key_id),
                UpdateExpression=f"SET {field} = :time",
                ConditionExpression=f"attribute_exists(pk) AND ({condition})",
                ExpressionAttributeValues={":time": {"N": str(time_ms)}},
            )

    async def _found(self, key_id: str) -> ApiKey:
        if (key := await self.get(key_id)) is None:
            raise unknown_key(key_id)
        return key


def _pk(key_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"{_PREFIX}{key_id}"}}


def _encode(key: ApiKey) -> dict[str, Any]:
    fields = msgspec.to_builtins(key)
    return {name: _attribute(value) for name, value in fields.items() if value is not None}


def _attribute(value: object) -> dict[str, Any]:
    match value:
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case list() | tuple():
            return {"L": [_attribute(item) for item in value]}
        case _:
            raise TypeError(f"no attribute for a {type(value).__name__}")


def _decode(item: Mapping[str, Any]) -> ApiKey:
    # Fields that a newer version added are left alone.
    fields = {name: _value(attribute) for name, attribute in item.items()}
    return msgspec.convert(fields, ApiKey)


def _value(attribute: Mapping[str, Any]) -> object:
    match dict(attribute):
        case {"N": number}:
            return int(number)
        case {"L": items}:
            return [_value(item) for item in items]
        case {"S": text}:
            return text
        case _:
            return None
