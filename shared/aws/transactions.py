"""Conditional changes: the parts of DynamoDB transactions, in the format of TransactWriteItems, and their execution."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.aws.errors import code_of, translated
from shared.aws.items import Item, guard_item, guard_key, number, text
from shared.model.errors import Poison
from shared.model.records import Guard

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

Part = dict[str, dict[str, Any]]

_REFUSALS = {"ValidationError", "ItemCollectionSizeLimitExceeded"}
_UNCHANGED = "#receipt = :receipt AND #version = :version"
_UNCHANGED_NAMES = {"#receipt": "receipt", "#version": "version"}


def put(table: str, item: Item) -> Part:
    """Write `item`, replacing any item under its key."""
    return {"Put": {"TableName": table, "Item": item}}


def add(table: str, item: Item) -> Part:
    """Write `item` if its key is free."""
    return {"Put": {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


def replace_current(table: str, current: Guard, new: Guard) -> Part:
    """Replace `current` by `new` if `current` is unchanged."""
    return {
        "Put": {
            "TableName": table,
            "Item": guard_item(new),
            "ConditionExpression": _UNCHANGED,
            "ExpressionAttributeNames": _UNCHANGED_NAMES,
            "ExpressionAttributeValues": _unchanged_values(current),
        }
    }


def raise_version(table: str, current: Guard) -> Part:
    """Increment the version of `current` if it is unchanged."""
    return _update_current(table, current, {})


def update_guard(table: str, current: Guard, guard: Guard, values: Item) -> list[Part]:
    """Set `values` of `guard`, the current or an older one, and increment the version of `current` if unchanged."""
    if guard.current:
        return [_update_current(table, current, values)]
    # An unchanged version proves that the older guard is unchanged, too. But it may have expired, and an update would
    # create an incomplete item.
    older = _update(table, guard, values) | {"ConditionExpression": "attribute_exists(pk)"}
    return [raise_version(table, current), {"Update": older}]


async def transact(client: "DynamoDBClient", parts: Sequence[Part]) -> bool:
    """Make all changes or, if a condition does not hold, none; return whether they were made.

    Raises `Unavailable` if DynamoDB did not attempt it (a conflict with another transaction, throttling), and `Poison`
    if it will never accept one of the items.
    """
    with translated():
        try:
            # The SDK generates a token per call, so no call returns the outcome of an earlier one.
            await client.transact_write_items(TransactItems=parts)  # type: ignore[arg-type]
        except ClientError as error:
            if _is_condition(error):
                return False
            if _is_refusal(error):
                raise Poison("the store refuses the event") from None
            raise
    return True


def _update_current(table: str, current: Guard, values: Item) -> Part:
    update = _update(table, current, values | {"version": number(current.version + 1)})
    update["ConditionExpression"] = _UNCHANGED
    update["ExpressionAttributeNames"] |= _UNCHANGED_NAMES
    update["ExpressionAttributeValues"] |= _unchanged_values(current)
    return {"Update": update}


def _update(table: str, guard: Guard, values: Item) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": guard_key(guard),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :new_{name}" for name in values),
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
        "ExpressionAttributeValues": {f":new_{name}": value for name, value in values.items()},
    }


def _unchanged_values(current: Guard) -> Item:
    return {":receipt": text(current.receipt), ":version": number(current.version)}


def _is_condition(error: ClientError) -> bool:
    return "ConditionalCheckFailed" in _reasons(error)


def _is_refusal(error: ClientError) -> bool:
    # An item that is too large may fail either the call, before the transaction, or the transaction.
    return code_of(error) == "ValidationException" or not _REFUSALS.isdisjoint(_reasons(error))


def _reasons(error: ClientError) -> set[str]:
    return {reason.get("Code", "") for reason in error.response.get("CancellationReasons", [])}
