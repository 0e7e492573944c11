"""Direct calls against botocore's: for each fault, both make as many requests and end in the same error of ours."""

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.session import get_session
from botocore.exceptions import NoCredentialsError
from botocore.parsers import ResponseParserError

from shared.aws.dates import Dates
from shared.aws.direct_calls import DirectClient
from shared.aws.errors import AWS_ERRORS, translate
from shared.clock import SystemClock
from shared.model.errors import Unclear
from shared.service_time import ServiceTime
from tests.contract import faulty_server
from tests.contract.faulty_server import Connection, Fault, Server

_ATTEMPTS = 2
_FAULTS = [
    faulty_server.reset_after_the_request,
    faulty_server.closed,
    faulty_server.server_error,
    faulty_server.slow_down,
    faulty_server.throttled,
    faulty_server.missing_queue,
    faulty_server.html,
    faulty_server.redirect,
    faulty_server.truncated_body,
    faulty_server.not_http,
    faulty_server.silent,
]
_decoder = msgspec.json.Decoder(dict[str, Any])
_dates = Dates(ServiceTime(), SystemClock())


@asynccontextmanager
async def _clients(url: str, service: str = "sqs", attempts: int = _ATTEMPTS) -> AsyncIterator[tuple[Any, Any]]:
    """Yield botocore's own client and a direct one, each with its connections."""
    config = AioConfig(
        connect_timeout=0.3,
        read_timeout=0.3,
        parameter_validation=False,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )
    session: Any = get_session()
    session.set_credentials("id", "secret")
    options: dict[str, Any] = {"region_name": "eu-central-1", "endpoint_url": url, "config": config}
    async with session.create_client(service, **options) as own, session.create_client(service, **options) as other:
        calls = ["SendMessageBatch"] if service == "sqs" else ["BatchExecuteStatement", "GetItem"]
        yield (
            own,
            DirectClient(other, await session.get_credentials(), calls, _decoder, _dates),
        )


async def _outcome(client: Any) -> tuple[type[Exception], type[Exception], str]:
    """Send a message; return the class of the error, ours for it, and its description."""
    with pytest.raises(AWS_ERRORS) as caught:
        await client.send_message_batch(QueueUrl="http://queue", Entries=[{"Id": "0", "MessageBody": "a"}])
    ours = translate(caught.value)
    return type(caught.value), type(ours), str(ours)


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


@pytest.mark.parametrize("fault", _FAULTS, ids=lambda fault: fault.__name__)
async def test_a_fault_ends_as_with_botocore(fault: Fault) -> None:
    outcomes, counts = [], []
    for side in (0, 1):
        server = Server(fault)
        async with server.run() as url, _clients(url) as clients:
            outcomes.append(await _outcome(clients[side]))
        counts.append(len(server.requests))

    botocore, direct = outcomes
    assert direct[1:] == botocore[1:]
    assert direct[0].__name__ == botocore[0].__name__  # error classes of a service are made for each client
    assert counts[1] == counts[0]


async def test_truncated_json_is_unclear_where_botocore_takes_it_for_an_empty_response() -> None:
    async with Server(faulty_server.truncated_json).run() as url, _clients(url) as (_, direct):
        kind, ours, _ = await _outcome(direct)

    assert (kind, ours) == (ResponseParserError, Unclear)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_connection_that_is_never_made_ends_as_with_botocore(scheme: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening: refused
        async with _clients(f"{scheme}://127.0.0.1:{taken.getsockname()[1]}") as (own, direct):
            assert await _outcome(direct) == await _outcome(own)


async def test_a_failed_tls_handshake_ends_as_with_botocore() -> None:
    async with Server(faulty_server.closed).run() as url, _clients(url.replace("http", "https")) as (own, direct):
        assert await _outcome(direct) == await _outcome(own)


async def _succeed(connection: Connection) -> None:
    await connection.answer("200 OK", b'{"Successful":[{"Id":"0"}]}')


async def _succeed_and_half_close(connection: Connection) -> None:
    await _succeed(connection)
    connection.half_close()


async def test_a_kept_connection_that_the_server_has_half_closed_is_replaced() -> None:
    server = Server(_succeed_and_half_close)
    async with server.run() as url, _clients(url, attempts=1) as (_, direct):
        for _ in range(3):
            await direct.send_message_batch(QueueUrl="http://queue", Entries=[])
            await asyncio.sleep(0.05)

    assert len(server.requests) == 3


async def test_a_retry_is_signed_again_and_succeeds() -> None:
    server = Server(faulty_server.server_error, _succeed)
    async with server.run() as url, _clients(url) as (_, direct):
        response = await direct.send_message_batch(QueueUrl="http://queue", Entries=[])

    assert response == {"Successful": [{"Id": "0"}]}
    assert len(server.requests) == 2
    assert all(b"authorization: AWS4-HMAC-SHA256 Credential=id/" in request for request in server.requests)


async def test_retries_stop_when_the_quota_of_the_client_is_used_up() -> None:
    server = Server(faulty_server.server_error)
    async with server.run() as url, _clients(url) as (_, direct):
        for _ in range(110):  # the quota is 500, and a retry costs 5
            await _outcome(direct)

    assert len(server.requests) == 110 + 100


async def test_a_response_whose_checksum_is_wrong_is_requested_again() -> None:
    body = b'{"Item":{"pk":{"S":"a"}}}'

    async def damaged(connection: Connection) -> None:
        await connection.answer("200 OK", body, f"x-amz-crc32: {zlib.crc32(body) ^ 1}")

    async def intact(connection: Connection) -> None:
        await connection.answer("200 OK", body, f"x-amz-crc32: {zlib.crc32(body)}")

    server = Server(damaged, intact)
    async with server.run() as url, _clients(url, "dynamodb") as (_, direct):
        response = await direct.get_item(TableName="t", Key={"pk": {"S": "a"}})

    assert (response, len(server.requests)) == ({"Item": {"pk": {"S": "a"}}}, 2)


async def test_expired_credentials_are_refreshed_before_a_call() -> None:
    fresh = {"access_key": "new", "secret_key": "s", "token": "t2", "expiry_time": "2100-01-01T00:00:00Z"}
    old = {"access_key": "old", "secret_key": "s", "token": "t1", "expiry_time": "2001-01-01T00:00:00Z"}

    async def refresh() -> dict[str, str]:
        return fresh

    credentials = AioRefreshableCredentials.create_from_metadata(old, refresh, method="test")
    server = Server(_succeed)
    async with server.run() as url, _clients(url) as (own, _):
        direct = DirectClient(own, credentials, ["SendMessageBatch"], _decoder, _dates)
        await direct.send_message_batch(QueueUrl="http://queue", Entries=[])

    assert b"Credential=new/" in server.requests[0]
    assert b"x-amz-security-token: t2" in server.requests[0]


async def test_without_credentials_nothing_is_sent() -> None:
    server = Server(_succeed)
    async with server.run() as url, _clients(url) as (own, _):
        direct = DirectClient(own, None, ["SendMessageBatch"], _decoder, _dates)
        with pytest.raises(NoCredentialsError):
            await direct.send_message_batch(QueueUrl="http://queue", Entries=[])

    assert server.requests == []


async def test_other_calls_are_the_clients_own() -> None:
    async def attributes(connection: Connection) -> None:
        await connection.answer("200 OK", b'{"Attributes":{"ApproximateNumberOfMessages":"7"}}')

    server = Server(attributes)
    async with server.run() as url, _clients(url) as (_, direct):
        response = await direct.get_queue_attributes(QueueUrl="http://queue", AttributeNames=["All"])

    assert response["Attributes"] == {"ApproximateNumberOfMessages": "7"}
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200
