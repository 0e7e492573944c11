"""The calls that every event takes part in, without most of botocore.

For a SendMessageBatch of 1 KB, botocore takes 330 us of CPU: for each call it traverses its model of the service,
resolves the endpoint, builds headers and signs. On the wire, the call is a POST of its parameters as JSON with bytes in
base64, exactly as msgspec encodes them; `DirectClient` encodes, signs and sends that in 80 us.

aiobotocore still does everything else: credentials and their refresh; connections, TLS, proxies and timeouts; retries,
through the events of its own calls; parsing of error responses; and all other calls. AWS validates the parameters.
"""

import asyncio
import itertools
import time
import zlib
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from aiobotocore.parsers import create_parser
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.hooks import first_non_none_response
from botocore.parsers import ResponseParserError

from shared.aws.dates import Dates
from shared.aws.signature import RequestSigner

if TYPE_CHECKING:
    from botocore.model import OperationModel

_FAILED = 300
_encoder = msgspec.json.Encoder()


class DirectClient:
    """A botocore client that makes `calls` directly, and passes everything else on to `client`.

    `calls` are operations of a service with a JSON protocol, such as `SendMessageBatch`; `decoder` decodes their
    responses. They take the same arguments and raise the same errors as the methods of `client`; a response contains
    no `ResponseMetadata`.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 (its type is a development dependency)
        credentials: Any,  # noqa: ANN401 (one of several classes of aiobotocore, None if none were found)
        calls: Iterable[str],
        decoder: "msgspec.json.Decoder[Any]",
        dates: Dates,
    ) -> None:
        model = client.meta.service_model
        self._client = client
        self._credentials = credentials
        self._decoder = decoder
        self._dates = dates
        self._model = model
        self._service_id = model.service_id.hyphenize()
        self._target = model.metadata["targetPrefix"]
        self._url = client.meta.endpoint_url
        self._http = client._endpoint.http_session  # noqa: SLF001 (aiobotocore has no other access to its connections)
        self._parser: Any = create_parser(model.resolved_protocol)
        headers = {"content-type": f"application/x-amz-json-{model.metadata['jsonVersion']}"}
        if model.is_query_compatible:
            headers["x-amzn-query-mode"] = "true"  # error codes as in the client's own calls
        self._signer = RequestSigner(
            service=model.signing_name, region=client.meta.region_name, url=self._url, headers=headers
        )
        self._unsigned = {"user-agent": client.meta.config.user_agent}
        for operation in calls:
            setattr(self, xform_name(operation), partial(self._call, operation))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (all that the client has)
        return getattr(self._client, name)

    async def _call(self, operation: str, **parameters: Any) -> Any:  # noqa: ANN401
        body = _encoder.encode(parameters)
        model = self._model.operation_model(operation)
        context: dict[str, Any] = {}  # where botocore's handlers keep what they know of a call
        for number in itertools.count(1):
            self._dates.sending(context)
            attempt = await self._attempt(operation, body)
            if attempt.succeeded:
                break
            delay_seconds = await self._retry_delay(model, number, attempt, context)
            if delay_seconds is None:
                break
            await asyncio.sleep(delay_seconds)
        if attempt.error is not None:
            raise attempt.error
        await self._client.meta.events.emit(
            f"after-call.{self._service_id}.{operation}",
            http_response=attempt.response,
            parsed=attempt.parsed,
            model=model,
            context=context,
        )
        if attempt.response.status_code >= _FAILED:
            code = context.get("error_code_override") or attempt.parsed.get("Error", {}).get("Code")
            raise self._client.exceptions.from_code(code)(attempt.parsed, operation)
        try:
            return self._decoder.decode(attempt.body)
        except msgspec.DecodeError as error:
            raise ResponseParserError(f"unreadable response: {type(error).__name__}") from None

    async def _attempt(self, operation: str, body: bytes) -> "_Attempt":
        if self._credentials is None:
            raise NoCredentialsError
        credentials = await self._credentials.get_frozen_credentials()
        headers = self._signer.sign(f"{self._target}.{operation}", body, credentials, time.time())
        all_headers: Any = headers | self._unsigned  # the stub asks for a class of the standard library
        request = AWSPreparedRequest("POST", self._url, all_headers, body, stream_output=False)
        try:
            response = await self._http.send(request)
        except BotoCoreError as error:
            return _Attempt(None, b"", {}, error)
        content = await response.content
        if response.status_code < _FAILED:
            return _Attempt(response, content, {}, succeeded=not _is_damaged(response.headers, content))
        answer = {"status_code": response.status_code, "headers": response.headers, "body": content}
        return _Attempt(response, content, await self._parser.parse(answer, None))  # no shape: an error has none

    async def _retry_delay(
        self, model: "OperationModel", number: int, attempt: "_Attempt", context: dict[str, Any]
    ) -> float | None:
        """Return in how many seconds the client repeats a call that failed `number` times; None if it gives up."""
        replies = await self._client.meta.events.emit(
            f"needs-retry.{self._service_id}.{model.name}",
            response=None if attempt.response is None else (attempt.response, attempt.parsed),
            endpoint=None,
            operation=model,
            attempts=number,
            caught_exception=attempt.error,
            request_dict={"context": context},
        )
        delay_seconds: float | None = first_non_none_response(replies)
        return delay_seconds


class _Attempt(NamedTuple):
    """A request, and its response or `error`. `parsed` is an error response as botocore parses it, else empty."""

    response: Any
    body: bytes
    parsed: dict[str, Any]
    error: BotoCoreError | None = None
    succeeded: bool = False


def _is_damaged(headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether DynamoDB's checksum is not that of `body`. SQS sends none."""
    checksum = headers.get("x-amz-crc32")
    return checksum is not None and zlib.crc32(body) != int(checksum)
