"""AWS's JSON protocol with msgspec instead of botocore, for the calls made for every event.

botocore traverses its model of a service for each value that it sends or reads, which takes more than half of the CPU
time of a worker, and of a page of the inbox. On the wire, the parameters of a call are plain JSON with bytes in base64,
exactly as msgspec encodes them. So hooks of the client remove the parameters before botocore processes them, insert the
encoded body, and give botocore a parsed response. botocore still does the signing, retries, errors and other calls.

`tests/contract` tests both in the same way; AWS still validates the parameters.
"""

from collections.abc import Iterable, MutableMapping
from typing import Any, TypedDict

import msgspec
from botocore.parsers import ResponseParserError

_PARAMETERS = "triggers_parameters"
_FAILED = 300


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
"""Without transactions and BatchGetItem, which are rare and for which botocore needs the parameters."""

SQS_CALLS = ("ChangeMessageVisibilityBatch", "DeleteMessageBatch", "ReceiveMessage", "SendMessageBatch")

_encoder = msgspec.json.Encoder()
_dynamodb_decoder = msgspec.json.Decoder(_DynamoResponse)
_sqs_decoder = msgspec.json.Decoder(dict[str, Any])


def use_fast_dynamodb_codec(client: Any) -> None:  # noqa: ANN401 - its type is a development dependency
    """Make a DynamoDB client use msgspec for `DYNAMODB_CALLS`. Binary values are `bytes` in both directions."""
    _install(client, DYNAMODB_CALLS, _dynamodb_decoder)


def use_fast_sqs_codec(client: Any) -> None:  # noqa: ANN401 - its type is a development dependency
    """Make an SQS client use msgspec for `SQS_CALLS`. It returns binary message attributes in base64."""
    _install(client, SQS_CALLS, _sqs_decoder)


def _install(client: Any, calls: Iterable[str], decoder: "msgspec.json.Decoder[Any]") -> None:  # noqa: ANN401
    def read(
        response_dict: MutableMapping[str, Any], customized_response_dict: MutableMapping[str, Any], **_: object
    ) -> None:
        if response_dict["status_code"] >= _FAILED:
            return
        try:
            customized_response_dict.update(decoder.decode(response_dict["body"]))
        except msgspec.DecodeError as error:
            raise ResponseParserError(f"unreadable response: {type(error).__name__}") from None
        response_dict["body"] = b"{}"

    service = client.meta.service_model.service_id.hyphenize()
    for call in calls:
        client.meta.events.register_first(f"provide-client-params.{service}.{call}", _take)
        client.meta.events.register_last(f"before-call.{service}.{call}", _put)
        client.meta.events.register_last(f"before-parse.{service}.{call}", read)


def _take(params: dict[str, Any], context: MutableMapping[str, Any], **_: object) -> dict[str, Any]:
    """Save the parameters, and give botocore none."""
    context[_PARAMETERS] = params
    return {}


def _put(params: MutableMapping[str, Any], context: MutableMapping[str, Any], **_: object) -> None:
    """Encode the saved parameters as the body."""
    params["body"] = _encoder.encode(context.pop(_PARAMETERS))
