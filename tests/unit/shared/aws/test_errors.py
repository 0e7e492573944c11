import socket

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from botocore import exceptions
from botocore.parsers import ResponseParserError

from shared.aws.errors import translate, translated, translated_read
from shared.model.errors import Unavailable, Unclear
from tests.unit.shared.aws.scripted import client_error

_KEY = ConnectionKey("localhost", 1, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
_URL = "http://localhost:1"


def _no_endpoint(cause: Exception) -> exceptions.EndpointConnectionError:
    return exceptions.EndpointConnectionError(endpoint_url=_URL, error=cause)


@pytest.mark.parametrize(
    "error",
    [
        client_error("ProvisionedThroughputExceededException"),
        client_error("ThrottlingException"),
        client_error("AccessDeniedException"),
        client_error("ResourceNotFoundException"),
        client_error("AWS.SimpleQueueService.NonExistentQueue"),
        client_error("ExpiredTokenException", 403),
        client_error("TransactionCanceledException", reasons=["None", "TransactionConflict"]),
        client_error("SlowDown", 503),
        client_error("RequestLimitExceeded", 503),
        _no_endpoint(aiohttp.ClientConnectorError(_KEY, ConnectionRefusedError())),
        _no_endpoint(socket.gaierror()),
        exceptions.ConnectTimeoutError(endpoint_url=_URL),
        exceptions.NoCredentialsError(),
        exceptions.SSLError(endpoint_url=_URL, error=OSError()),
        exceptions.ProxyConnectionError(proxy_url=_URL),
    ],
    ids=repr,
)
def test_a_call_that_was_refused_or_never_sent_took_no_effect(error: Exception) -> None:
    assert isinstance(translate(error), Unavailable)


@pytest.mark.parametrize(
    "error",
    [
        client_error("InternalServerError", 500),
        client_error("ServiceUnavailable", 503),
        client_error("502", 502),
        exceptions.ClientError({"Error": {"Code": "?"}}, "Operation"),
        _no_endpoint(aiohttp.ClientOSError(104, "Connection reset by peer")),
        exceptions.EndpointConnectionError(endpoint_url=_URL),
        exceptions.ReadTimeoutError(endpoint_url=_URL),
        exceptions.ConnectionClosedError(endpoint_url=_URL),
        exceptions.HTTPClientError(error="?"),
        ResponseParserError("?"),
        aiohttp.ClientPayloadError(),
    ],
    ids=repr,
)
def test_a_call_that_was_cut_off_is_unclear(error: Exception) -> None:
    assert isinstance(translate(error), Unclear)


def test_what_was_sent_is_not_quoted() -> None:
    error = client_error("TransactionCanceledException", reasons=["None", "ThrottlingError"])

    assert str(translate(error)) == "Operation failed: TransactionCanceledException (400) ['None', 'ThrottlingError']"


def test_aws_errors_are_raised_as_ours_without_their_context() -> None:
    with pytest.raises(Unclear) as raised, translated():
        raise client_error("InternalServerError", 500)

    assert raised.value.__suppress_context__


def test_an_unclear_read_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="ReadTimeoutError"), translated_read():
        raise exceptions.ReadTimeoutError(endpoint_url=_URL)


@pytest.mark.parametrize("guard", [translated, translated_read])
def test_other_errors_pass(guard: type) -> None:
    with pytest.raises(ZeroDivisionError), guard():
        raise ZeroDivisionError
