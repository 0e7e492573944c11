"""What a failed call to AWS means: that nothing took effect, or that nobody can tell.

`Unavailable` needs proof: an answer below 500 (AWS refused the call before running it), a throttle, or a connection
that was never made. All else is `Unclear`, for the request may have been carried out, or may still be.
Details name the operation and the code, never AWS's message: that may quote what was sent.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from shared.model.errors import Unavailable, Unclear

AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError, aiohttp.ClientError)
"""Everything that a call through aiobotocore may raise."""

THROTTLES = frozenset(
    {
        "OverLimit",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    }
)
"""Codes of a call that was not tried, whatever its HTTP status (S3's SlowDown is a 503)."""

_NOT_SENT = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)
_SERVER_FAULT = 500


def code_of(error: ClientError) -> str:
    """Return AWS's code for the error, such as `ThrottlingException`."""
    return error.response.get("Error", {}).get("Code", "")


def status_of(error: ClientError) -> int:
    """Return the HTTP status of the answer; 500 if it is not known."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_FAULT)


def translate(error: Exception) -> Unavailable | Unclear:
    """Return our error for one of `AWS_ERRORS`."""
    return Unavailable(_describe(error)) if _took_no_effect(error) else Unclear(_describe(error))


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors in place of AWS's."""
    try:
        yield
    except AWS_ERRORS as error:
        raise translate(error) from None


@contextmanager
def translated_read() -> Iterator[None]:
    """Raise `Unavailable` for any of AWS's errors: a read has no effect that could be unclear."""
    try:
        yield
    except AWS_ERRORS as error:
        raise Unavailable(_describe(error)) from None


def _took_no_effect(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return status_of(error) < _SERVER_FAULT or code_of(error) in THROTTLES
    if isinstance(error, EndpointConnectionError):
        # aiobotocore also gives this name to a connection that broke after the request was sent (a reset);
        # only the cause tells them apart.
        return isinstance(error.kwargs.get("error"), (aiohttp.ClientConnectorError, socket.gaierror))
    return isinstance(error, _NOT_SENT)


def _describe(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return f"AWS did not answer: {type(error).__name__}"
    reasons = [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])]
    detail = f"{error.operation_name} failed: {code_of(error)} ({status_of(error)})"
    return f"{detail} {reasons}" if reasons else detail
