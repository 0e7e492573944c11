"""AWS's JSON protocol, spoken by msgspec instead of botocore for the calls that every event takes part in.

botocore walks over its model of a service for each value that it sends or reads: more than half of the CPU time of a
worker, and of a page of the inbox. But on the wire a call's parameters are just JSON, with bytes in base64, which
is what msgspec makes of them. So a client's own hooks take the parameters away before botocore looks at them, put
the finished body in, and hand it a parsed answer. Signing, retries, errors and all other calls stay botocore's.

`tests/contract` holds both to the same promises; what AWS refuses is still found by AWS.
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
    """What became of one statement."""

    Error: dict[str, Any]
    Item: _Item


class _DynamoAnswer(TypedDict, total=False):
    """What the calls below may answer. Items are typed, since only a type tells base64 from text."""

    Item: _Item
    Items: list[_Item]
    Count: int
    ScannedCount: int
    LastEvaluatedKey: _Item
    Responses: list[_Statement]


DYNAMODB_CALLS = ("BatchExecuteStatement", "GetItem", "Query")
"""Not those of transactions and BatchGetItem: botocore wants to see their parameters, and they are rare."""

SQS_CALLS = ("ChangeMessageVisibilityBatch", "DeleteMessageBatch", "ReceiveMessage", "SendMessageBatch")

_encoder = msgspec.json.Encoder()
_dynamodb_decoder = msgspec.json.Decoder(_DynamoAnswer)
_sqs_decoder = msgspec.json.Decoder(dict[str, Any])


def use_fast_dynamodb_codec(client: Any) -> None:  # noqa: ANN401 - its type is a development dependency
    """Speak for a DynamoDB client in `DYNAMODB_CALLS`. Bytes are bytes on both sides."""
    _install(client, DYNAMODB_CALLS, _dynamodb_decoder)


def use_fast_sqs_codec(client: Any) -> None:  # noqa: ANN401 - its type is a development dependency
    """Speak for an SQS client in `SQS_CALLS`. Binary message attributes are answered in base64."""
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
            raise ResponseParserError(f"unreadable answer: {type(error).__name__}") from None
        response_dict["body"] = b"{}"

    service = client.meta.service_model.service_id.hyphenize()
    for call in calls:
        client.meta.events.register_first(f"provide-client-params.{service}.{call}", _take)
        client.meta.events.register_last(f"before-call.{service}.{call}", _put)
        client.meta.events.register_last(f"before-parse.{service}.{call}", read)


def _take(params: dict[str, Any], context: MutableMapping[str, Any], **_: object) -> dict[str, Any]:
    """Keep the parameters from botocore."""
    context[_PARAMETERS] = params
    return {}


def _put(params: MutableMapping[str, Any], context: MutableMapping[str, Any], **_: object) -> None:
    """Make the body of the parameters that were kept."""
    params["body"] = _encoder.encode(context.pop(_PARAMETERS))
