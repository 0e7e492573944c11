"""AWS's JSON protocol by msgspec: the operations that `DirectClient` calls, and decoders for their responses."""

from typing import Any, TypedDict

import msgspec


class _Value(TypedDict, total=False):
    S: str
    N: str
    B: bytes
    BOOL: bool
    NULL: bool
    M: dict[str, "_Value"]
    L: list["_Value"]
    SS: list[str]
    NS: list[str]
    BS: list[bytes]


_Item = dict[str, _Value]


class _Statement(TypedDict, total=False):
    """The response to one statement."""

    Error: dict[str, Any]
    Item: _Item


class _DynamoResponse(TypedDict, total=False):
    """The responses of the calls below. Items are typed, since only a type distinguishes base64 from text."""

    Item: _Item
    Items: list[_Item]
    Count: int
    ScannedCount: int
    LastEvaluatedKey: _Item
    Responses: list[_Statement]


DYNAMODB_CALLS = ("BatchExecuteStatement", "GetItem", "Query")
"""Without transactions and BatchGetItem, which are rare, and whose errors botocore parses by its model."""

SQS_CALLS = ("ChangeMessageVisibilityBatch", "DeleteMessageBatch", "ReceiveMessage", "SendMessageBatch")

dynamodb_decoder = msgspec.json.Decoder(_DynamoResponse)
"""Binary values are `bytes`."""

sqs_decoder = msgspec.json.Decoder(dict[str, Any])
"""Binary message attributes are in base64."""
