"""Translates AWS errors: a failed call either had no effect, or its effect is unclear.

`Unavailable` needs evidence: a status below 500 (AWS rejected the call before running it), throttling, or a connection
that was never established. All other errors are `Unclear`: the request may have been executed, or may yet be. Details
contain the operation and the code, never AWS's message, which may quote the request.
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
"""All errors that a call through aiobotocore may raise."""

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
"""Codes of calls that were not attempted, whatever the HTTP status (S3's SlowDown is a 503)."""

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
    """Return the AWS error code, such as `ThrottlingException`."""
    return error.response.get("Error", {}).get("Code", "")


def status_of(error: ClientError) -> int:
    """Return the HTTP status of the response, 500 if it is unknown."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_FAULT)


def translate(error: Exception) -> Unavailable | Unclear:
    """Return our error for one of `AWS_ERRORS`."""
    return Unavailable(_describe(error)) if _took_no_effect(error) else Unclear(_describe(error))


@contextmanager
def translated() -> Iterator[None]:
    """Convert AWS errors to ours."""
    try:
        yield
    except AWS_ERRORS as error:
        raise translate(error) from None


@contextmanager
def translated_read() -> Iterator[None]:
    """Convert every AWS error to `Unavailable`: a read has no effect that could be unclear."""
    try:
        yield
    except AWS_ERRORS as error:
        raise Unavailable(_describe(error)) from None


def _took_no_effect(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return status_of(error) < _SERVER_FAULT or code_of(error) in THROTTLES
    if isinstance(error, EndpointConnectionError):
        # aiobotocore also raises this for a connection that was reset after the request was sent; only the cause
        # distinguishes the two.
        return isinstance(error.kwargs.get("error"), (aiohttp.ClientConnectorError, socket.gaierror))
    return isinstance(error, _NOT_SENT)


def _describe(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return f"AWS did not respond: {type(error).__name__}"
    reasons = [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])]
    detail = f"{error.operation_name} failed: {code_of(error)} ({status_of(error)})"
    return f"{detail} {reasons}" if reasons else detail
