"""The key table, and the same in memory."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from botocore.exceptions import ClientError

from shared.aws.errors import AWS_ERRORS, code_of, translate, translated_read
from shared.model.api_key import ApiKey
from shared.model.errors import NotFound

if TYPE_CHECKING:  # the client's types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient

_PREFIX = "key#"
_CONDITION_FAILED = "ConditionalCheckFailedException"


class KeyStore(Protocol):
    """Where keys are kept. Reads may raise `Unavailable`, writes `Unavailable` and `Unclear`."""

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key `key_id` (a consistent read), None if there is none."""
        ...

    async def put(self, key: ApiKey) -> None:
        """Add a key; raises `ValueError` if its id is taken."""
        ...

    async def keys_of(self, tenant: str | None = None) -> list[ApiKey]:
        """Return all keys, or one tenant's, oldest first. Reads the whole table."""
        ...

    async def revoke(self, key_id: str, revoked_at: int) -> ApiKey:
        """Mark a key revoked (epoch milliseconds) and return it; raises `NotFound`. A second time changes nothing."""
        ...

    async def expire(self, key_id: str, expires_at: int) -> ApiKey:
        """Let a key expire then (epoch milliseconds), unless it does before; return it; raises `NotFound`."""
        ...

    async def record_use(self, key_id: str, used_at: int) -> None:
        """Note when a key was last used (epoch milliseconds). A key that is not there is no error."""
        ...

    async def ready(self) -> None:
        """Return if keys can be read; raise `Unavailable` if not."""
        ...


class MemoryKeyStore:
    """Keys in a dict, for tests and for a process that has no table."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key, None if there is none."""
        return self._keys.get(key_id)

    async def put(self, key: ApiKey) -> None:
        """Add a key."""
        if key.key_id in self._keys:
            raise _taken(key)
        self._keys[key.key_id] = key

    async def keys_of(self, tenant: str | None = None) -> list[ApiKey]:
        """Return keys, oldest first."""
        return _in_order(self._keys.values(), tenant)

    async def revoke(self, key_id: str, revoked_at: int) -> ApiKey:
        """Mark a key revoked."""
        if key_id not in self._keys:
            raise _unknown(key_id)
        key = self._keys[key_id]
        if key.revoked_at is None:
            key = self._keys[key_id] = msgspec.structs.replace(key, revoked_at=revoked_at)
        return key

    async def expire(self, key_id: str, expires_at: int) -> ApiKey:
        """Let a key expire."""
        if key_id not in self._keys:
            raise _unknown(key_id)
        key = self._keys[key_id]
        if key.expires_at is None or expires_at < key.expires_at:
            key = self._keys[key_id] = msgspec.structs.replace(key, expires_at=expires_at)
        return key

    async def record_use(self, key_id: str, used_at: int) -> None:
        """Note a use."""
        key = self._keys.get(key_id)
        if key is not None and (key.last_used_at or 0) < used_at:
            self._keys[key_id] = msgspec.structs.replace(key, last_used_at=used_at)

    async def ready(self) -> None:
        """Return: memory answers."""


class DynamoKeyStore:
    """Keys in a DynamoDB table; one item each, its attributes named as the fields of `ApiKey`."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key, None if there is none."""
        with translated_read():
            answer = await self._client.get_item(TableName=self._table, Key=_pk(key_id), ConsistentRead=True)
        item = answer.get("Item")
        return _decode(item) if item else None

    async def put(self, key: ApiKey) -> None:
        """Add a key; nothing that is there is ever replaced."""
        try:
            with _writing():
                await self._client.put_item(
                    TableName=self._table,
                    Item={**_pk(key.key_id), **_encode(key)},
                    ConditionExpression="attribute_not_exists(pk)",
                )
        except _ConditionFailed:
            raise _taken(key) from None

    async def keys_of(self, tenant: str | None = None) -> list[ApiKey]:
        """Return keys, oldest first."""
        # A scan: keys are few, and only people at a terminal list them.
        found: list[ApiKey] = []
        start: dict[str, Any] = {}
        while True:
            with translated_read():
                page = await self._client.scan(
                    TableName=self._table,
                    ConsistentRead=True,
                    FilterExpression="begins_with(pk, :key)",  # buckets lie there, too
                    ExpressionAttributeValues={":key": {"S": _PREFIX}},
                    **start,
                )
            found += map(_decode, page["Items"])
            if "LastEvaluatedKey" not in page:
                return _in_order(found, tenant)
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def revoke(self, key_id: str, revoked_at: int) -> ApiKey:
        """Mark a key revoked."""
        await self._set(key_id, "revoked_at", revoked_at, "attribute_not_exists(revoked_at)")
        return await self._found(key_id)

    async def expire(self, key_id: str, expires_at: int) -> ApiKey:
        """Let a key expire."""
        later = "attribute_not_exists(expires_at) OR expires_at > :time"
        await self._set(key_id, "expires_at", expires_at, later)
        return await self._found(key_id)

    async def record_use(self, key_id: str, used_at: int) -> None:
        """Note a use."""
        earlier = "attribute_not_exists(last_used_at) OR last_used_at < :time"
        await self._set(key_id, "last_used_at", used_at, earlier)

    async def ready(self) -> None:
        """Return if the table answers."""
        # By a read that a process which may only read keys is allowed.
        await self.get("ready")

    async def _set(self, key_id: str, field: str, time_ms: int, condition: str) -> None:
        """Set one time of a key that is there and as `condition` says; else do nothing."""
        with suppress(_ConditionFailed), _writing():
            await self._client.update_item(
                TableName=self._table,
                Key=_pk(key_id),
                UpdateExpression=f"SET {field} = :time",
                ConditionExpression=f"attribute_exists(pk) AND ({condition})",
                ExpressionAttributeValues={":time": {"N": str(time_ms)}},
            )

    async def _found(self, key_id: str) -> ApiKey:
        if (key := await self.get(key_id)) is None:
            raise _unknown(key_id)
        return key


class _ConditionFailed(Exception):
    """A write's condition did not hold."""


@contextmanager
def _writing() -> Iterator[None]:
    """Raise our errors for a write, `_ConditionFailed` if its condition did not hold."""
    try:
        yield
    except ClientError as error:
        raise (_ConditionFailed() if code_of(error) == _CONDITION_FAILED else translate(error)) from None
    except AWS_ERRORS as error:
        raise translate(error) from None


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


def _in_order(keys: Iterable[ApiKey], tenant: str | None) -> list[ApiKey]:
    return sorted((key for key in keys if tenant in (None, key.tenant)), key=lambda key: (key.created_at, key.key_id))


def _taken(key: ApiKey) -> ValueError:
    return ValueError(f"there is a key {key.key_id} already")


def _unknown(key_id: str) -> NotFound:
    return NotFound(f"There is no key {key_id}.")
