"""Creates all AWS clients, with explicit timeouts and retries.

botocore's defaults are unsuitable: 60 s timeouts, ten attempts for DynamoDB and a pool of ten connections (a send
behind ten long polls waited 3.6 s); it also ignores `AWS_REGION`. The SDK reads endpoints and credentials from
`AWS_ENDPOINT_URL*`, `AWS_ACCESS_KEY_ID` and so on.

Each method returns an async context manager.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import aioboto3
import msgspec
from aiobotocore.config import AioConfig

from shared.aws.dates import Dates
from shared.aws.direct_calls import DirectClient
from shared.aws.json_protocol import DYNAMODB_CALLS, SQS_CALLS, dynamodb_decoder, sqs_decoder
from shared.clock import Clock, SystemClock
from shared.service_time import ServiceTime
from shared.settings import Settings

if TYPE_CHECKING:  # the clients' types are a development dependency only
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_sqs import SQSClient

    from shared.aws.kms import KmsClient

_CONNECT_SECONDS = 2.0
_POOL_CONNECTIONS = 50
_ANSWER_SECONDS = 5.0  # for calls that are safe to repeat; a body of 512 KiB takes far less time
_ATTEMPTS = 3


class AwsClients:
    """Creates clients for one deployment, which share credentials and loaded service models.

    `service_time` observes the answers of SQS and DynamoDB.
    """

    def __init__(self, settings: Settings, service_time: ServiceTime | None = None, clock: Clock | None = None) -> None:
        self._settings = settings
        self._dates = Dates(service_time or ServiceTime(), clock or SystemClock())
        self._session = aioboto3.Session(region_name=settings.aws_region)

    def sqs(self) -> AbstractAsyncContextManager["SQSClient"]:
        """Return a client for sends, deletes and visibility changes, with a timeout of about `queue_timeout_ms`."""
        # Two attempts, since SQS may have closed an idle connection. To the worker, a message that is sent twice this
        # way is an ordinary redelivery.
        seconds = self._settings.queue_timeout_ms / 1000 / 2
        return self._sqs(_config(seconds, attempts=2))

    def sqs_polling(self) -> AbstractAsyncContextManager["SQSClient"]:
        """Return a client for receives, separate so that sends never wait behind long polls."""
        seconds = self._settings.poll_seconds + _ANSWER_SECONDS
        return self._sqs(_config(seconds, attempts=1))

    def dynamodb(self) -> AbstractAsyncContextManager["DynamoDBClient"]:
        """Return a client for reads and for writes that may be repeated."""
        return self._dynamodb(_config(_ANSWER_SECONDS, attempts=_ATTEMPTS))

    def dynamodb_once(self) -> AbstractAsyncContextManager["DynamoDBClient"]:
        """Return a client that makes one attempt, with the timeout `store_timeout_ms`.

        For calls that write at a position: a retry by the SDK could land after the commit deadline.
        """
        return self._dynamodb(_config(self._settings.store_timeout_ms / 1000, attempts=1))

    def s3(self) -> AbstractAsyncContextManager["S3Client"]:
        """Return a client for bodies."""
        # Emulators serve all buckets under one host name, so the path names the bucket.
        return self._session.client("s3", config=_config(_ANSWER_SECONDS, attempts=_ATTEMPTS, path_style=True))

    def kms(self) -> AbstractAsyncContextManager["KmsClient"]:
        """Return a client for encrypting the secrets of sources."""
        client: AbstractAsyncContextManager[KmsClient] = self._session.client(
            "kms", config=_config(_ANSWER_SECONDS, attempts=_ATTEMPTS)
        )
        return client

    @asynccontextmanager
    async def _sqs(self, config: AioConfig) -> AsyncIterator["SQSClient"]:
        async with self._session.client("sqs", config=config) as client:
            yield cast("SQSClient", await self._direct(client, SQS_CALLS, sqs_decoder))

    @asynccontextmanager
    async def _dynamodb(self, config: AioConfig) -> AsyncIterator["DynamoDBClient"]:
        async with self._session.client("dynamodb", config=config) as client:
            yield cast("DynamoDBClient", await self._direct(client, DYNAMODB_CALLS, dynamodb_decoder))

    async def _direct(
        self,
        client: Any,  # noqa: ANN401 (its type is a development dependency)
        calls: Iterable[str],
        decoder: "msgspec.json.Decoder[Any]",
    ) -> DirectClient:
        self._dates.watch(client)
        return DirectClient(client, await self._credentials(), calls, decoder, self._dates)

    async def _credentials(self) -> Any:  # noqa: ANN401 (aiobotocore's, refreshed when needed; None if there are none)
        return await cast("Any", self._session).get_credentials()  # boto3's type, which is not a coroutine


def _config(seconds: float, *, attempts: int, path_style: bool = False) -> AioConfig:
    return AioConfig(
        connect_timeout=min(seconds, _CONNECT_SECONDS),
        read_timeout=seconds,
        max_pool_connections=_POOL_CONNECTIONS,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        # Both defaults cost a considerable part of a call: AWS validates the parameters anyway, and the SDK would
        # build its user agent for every call.
        parameter_validation=False,
        user_agent="triggers",
        s3={"addressing_style": "path"} if path_style else None,
    )
