"""One line for each refusal by AWS, which says what to do.

AWS's own message is not shown, except who may not do what to which resource: it may quote everything that was sent, a
session token included.
"""

import os
import re
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec.structs import asdict

from shared.settings import Settings

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_LOGIN = "log in again, for instance with `aws sso login`"
_ELSEWHERE = "AWS_REGION ({aws_region}) and the AWS account. `triggers status` shows which is missing."
_SERVER_FAULT = 500

_DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException", "KMS.AccessDeniedException"})
_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_NO_TABLE = frozenset({"ResourceNotFoundException"})
_NO_BUCKET = frozenset({"404", "NoSuchBucket"})

_REFUSALS = (
    (
        frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}),
        f"The AWS session has expired: {_LOGIN}, or set new temporary credentials.",
    ),
    (
        frozenset(
            {
                "AuthFailure",
                "InvalidAccessKeyId",
                "InvalidClientTokenId",
                "InvalidToken",
                "MissingAuthenticationToken",
                "MissingAuthenticationTokenException",
                "UnrecognizedClientException",
            }
        ),
        "AWS does not know these credentials: check AWS_PROFILE or AWS_ACCESS_KEY_ID, and AWS_REGION ({aws_region}).",
    ),
    (
        frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"}),
        "This machine's clock is further off than AWS allows: correct it, for example with NTP.",
    ),
    (
        frozenset({"IncompleteSignature", "InvalidSignatureException", "SignatureDoesNotMatch"}),
        "AWS does not accept the signature: AWS_SECRET_ACCESS_KEY is wrong, or this machine's clock is off by minutes.",
    ),
    (
        _NO_QUEUE,
        "No such queue: run `triggers provision`, or check QUEUE_NAME ({queue_name}), DLQ_NAME ({dlq_name}), "
        + _ELSEWHERE,
    ),
    (
        _NO_TABLE,
        "No such table: run `triggers provision`, or check DYNAMODB_TABLE_EVENTS ({dynamodb_table_events}),"
        " DYNAMODB_TABLE_API_KEYS ({dynamodb_table_api_keys}), DYNAMODB_TABLE_GROUPS ({dynamodb_table_groups}),"
        " DYNAMODB_TABLE_SOURCES ({dynamodb_table_sources}), " + _ELSEWHERE,
    ),
    (
        _NO_BUCKET,
        "No such bucket: run `triggers provision`, or check BODIES_BUCKET ({bodies_bucket}), " + _ELSEWHERE,
    ),
    (
        frozenset({"301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}),
        "The bucket {bodies_bucket} is in another region than AWS_REGION says ({aws_region}).",
    ),
    (
        frozenset({"BucketAlreadyExists"}),
        "Another AWS account has a bucket {bodies_bucket}: choose another name in BODIES_BUCKET.",
    ),
    (
        frozenset({"AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently"}),
        "A queue of that name was just deleted: try again in a minute.",
    ),
)
"""AWS's codes, and what they mean."""

_NO_LOGIN = f"AWS credentials can't be loaded: {_LOGIN}, or check AWS_PROFILE."
_NO_REGION = "AWS_REGION ({aws_region}) is not an AWS region."
_UNSENT = {
    "NoCredentialsError": "No AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY. For a server on this machine, use --data.",
    "PartialCredentialsError": "The AWS credentials are incomplete: {cred_var} is missing.",
    "CredentialRetrievalError": _NO_LOGIN,
    "SSOError": _NO_LOGIN,
    "SSOTokenLoadError": _NO_LOGIN,
    "TokenRetrievalError": _NO_LOGIN,
    "UnauthorizedSSOTokenError": _NO_LOGIN,
    "ProfileNotFound": "No AWS profile {profile}: check AWS_PROFILE.",
    "ConfigNotFound": "The AWS configuration {path} does not exist.",
    "ConfigParseError": "The AWS configuration {path} can't be read.",
    "InvalidRegionError": _NO_REGION,
    "NoRegionError": _NO_REGION,
    "SSLError": "The certificate of {endpoint} can't be verified: check AWS_CA_BUNDLE, and the proxy.",
    "ProxyConnectionError": "The proxy can't be reached: check HTTPS_PROXY and HTTP_PROXY.",
}
"""The SDK's errors, and what they mean."""

_UNREACHABLE = (
    "{endpoint} can't be reached ({reason}): check AWS_REGION ({aws_region}), AWS_ENDPOINT_URL and the network."
)

_ACTIONS = {
    "BatchExecuteStatement": "PartiQLInsert",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "DeleteMessageBatch": "DeleteMessage",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "SendMessageBatch": "SendMessage",
}
"""Permissions whose names differ from the call's."""


def explain(error: BaseException, named: Settings) -> str | None:
    """Return a line for the AWS error that `error` is or was raised from; None if there is none."""
    if "botocore" not in sys.modules:
        return None
    from botocore.exceptions import ClientError  # noqa: PLC0415 (slow to load, but it is loaded)

    from shared.aws.errors import AWS_ERRORS  # noqa: PLC0415 (the same)

    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, AWS_ERRORS):
        behind = behind.__cause__ or behind.__context__
    if isinstance(behind, ClientError):
        return _refused(behind, asdict(named))
    return None if behind is None else _failed(behind, asdict(named))


def is_missing(error: "ClientError") -> bool:
    """Return whether AWS says that a queue, table or bucket does not exist."""
    return _code(error) in _NO_QUEUE | _NO_TABLE | _NO_BUCKET


def missing(what: str, name: str, variable: str, region: str) -> str:
    """Return a line for a queue, table or bucket that does not exist."""
    return (
        f"No {what} {name} in {region}: run `triggers provision`, or check {variable}, AWS_REGION and the AWS account."
    )


def _refused(error: "ClientError", named: dict[str, Any]) -> str:
    """Return a line for an answer that is an error."""
    from shared.aws.errors import THROTTLES, status_of  # noqa: PLC0415 (slow to load, but it is loaded)

    code, operation = _code(error), error.operation_name
    if code in _DENIED:
        return _denied(error, named)
    if code in THROTTLES:
        return f"AWS throttles requests ({operation}: {code}): try again in a moment."
    for codes, line in _REFUSALS:
        if code in codes:
            return line.format(**named)
    if status_of(error) >= _SERVER_FAULT:
        return f"AWS failed at {operation} ({status_of(error)} {code}): try again in a moment."
    return f"AWS refused {operation} ({status_of(error)} {code})."


def _denied(error: "ClientError", named: dict[str, Any]) -> str:
    """Return a line that names action and resource as AWS does, or as well as the call allows."""
    said, operation = str(error.response.get("Error", {}).get("Message", "")), error.operation_name
    who = _found(r"User: (arn:[\w:/.@+=,-]+)", said) or "these credentials"
    service, resources = _asked(operation)
    action = _found(r"perform: ([\w-]+:\w+)", said) or f"{service}:{_ACTIONS.get(operation, operation)}"
    resource = _found(r"on resource: (arn:[\w:/.*+=,-]+)", said) or resources.format(**named)
    return f"AWS denies access: {who} may not {action} on {resource}. Allow it in IAM, or use another AWS_PROFILE."


def _asked(operation: str) -> tuple[str, str]:
    """Return the service of a call, and the resources of ours that it may concern."""
    if "Queue" in operation or "Message" in operation:
        return "sqs", "queue {queue_name} or {dlq_name}"
    if "Bucket" in operation or "Object" in operation:
        return "s3", "bucket {bodies_bucket}"
    if operation in {"Encrypt", "Decrypt"}:
        return "kms", "key {kms_key_id}"
    return "dynamodb", (
        "table {dynamodb_table_events}, {dynamodb_table_api_keys}, {dynamodb_table_groups} or {dynamodb_table_sources}"
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


def _failed(error: BaseException, named: dict[str, Any]) -> str:
    """Return a line for a call that got no answer or was never made."""
    name, details = type(error).__name__, getattr(error, "kwargs", {})
    line = _UNSENT.get(name) or (_UNREACHABLE if "endpoint_url" in details else f"AWS can't be called ({name}).")
    endpoint = _origin(str(details.get("endpoint_url", "")))
    return line.format(**{**named, **details, "endpoint": endpoint, "reason": _reason(name, details.get("error"))})


def _origin(url: str) -> str:
    """Return scheme, host and port, without the credentials and the path that a URL may hold."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _reason(name: str, cause: object) -> str:
    if isinstance(cause, OSError) and cause.errno:
        # asyncio's own text holds addresses; a resolver's errors have numbers below 0.
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    return "it does not answer in time" if "Timeout" in name else "no connection"


def _code(error: "ClientError") -> str:
    from shared.aws.errors import code_of  # noqa: PLC0415 (slow to load, but it is loaded)

    return code_of(error)
