"""Messages for errors of AWS: one line that says what to do, without secrets."""

import socket

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from botocore import exceptions

from cli import aws_error_messages
from shared.aws.errors import translated, translated_read
from shared.model.errors import NotFound, TriggersError, Unavailable
from shared.settings import Settings
from tests.unit.shared.aws.scripted import client_error

NAMED = Settings(aws_region="eu-west-1", queue_name="packs")
URL = "https://somebody:hidden@sqs.eu-west-1.amazonaws.com:444/path?X-Amz-Signature=hidden"
ROLE = "arn:aws:sts::123456789012:assumed-role/ops/me"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:packs"
DENIED = f"User: {ROLE} is not authorized to perform: sqs:sendmessage on resource: {QUEUE} because hidden"
KEY = ConnectionKey("h", 1, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)

TABLES = "triggers-events, triggers-api-keys, triggers-groups or triggers-sources"


def refused(code: str, message: str = "hidden", *, status: int = 400, operation: str = "GetQueueUrl") -> Exception:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(answer, operation)  # type: ignore[arg-type] # only the members that are read


def reported(error: BaseException) -> str:
    line = aws_error_messages.explain(error, NAMED)
    assert line is not None
    assert "hidden" not in line
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.NoCredentialsError(), "No AWS credentials: set AWS_PROFILE"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "_KEY is missing."),
        (exceptions.ProfileNotFound(profile="prod"), "No AWS profile prod: check AWS_PROFILE."),
        (exceptions.ConfigParseError(path="/home/me/.aws/config"), "/home/me/.aws/config can't be read"),
        (exceptions.UnauthorizedSSOTokenError(), "log in again, for instance with `aws sso login`"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="hidden"), "can't be loaded: log in again"),
        (exceptions.CredentialRetrievalError(provider="p", error_msg="hidden"), "can't be loaded: log in again"),
        (refused("ExpiredTokenException"), "The AWS session has expired: log in again"),
        (refused("ExpiredToken", status=403), "The AWS session has expired: log in again"),
        (refused("UnrecognizedClientException"), "AWS does not know these credentials"),
        (refused("InvalidAccessKeyId", status=403), "AWS does not know these credentials"),
        (refused("InvalidSignatureException"), "AWS_SECRET_ACCESS_KEY is wrong, or this machine's clock is off"),
        (refused("SignatureDoesNotMatch", status=403), "AWS_SECRET_ACCESS_KEY is wrong, or this machine's clock"),
        (refused("RequestTimeTooSkewed", status=403), "This machine's clock is further off than AWS allows"),
        (refused("ThrottlingException"), "AWS throttles requests (GetQueueUrl: ThrottlingException)"),
        (refused("SlowDown", status=503), "AWS throttles requests"),
        (refused("InternalError", status=500), "AWS failed at GetQueueUrl (500 InternalError): try again"),
        (refused("InvalidAttributeValue"), "AWS refused GetQueueUrl (400 InvalidAttributeValue)."),
        (exceptions.InvalidRegionError(region_name="x y"), "AWS_REGION (eu-west-1) is not an AWS region."),
        (refused("301", status=301, operation="HeadBucket"), "triggers-bodies is in another region than AWS_REGION"),
        (refused("BucketAlreadyExists", status=409), "Another AWS account has a bucket triggers-bodies"),
        (refused("QueueDeletedRecently"), "just deleted: try again in a minute."),
        (exceptions.ProxyConnectionError(proxy_url="http://me:hidden@proxy"), "check HTTPS_PROXY"),
        (exceptions.HTTPClientError(error="hidden"), "AWS can't be called (HTTPClientError)."),
        (aiohttp.ClientPayloadError("hidden"), "AWS can't be called (ClientPayloadError)."),
    ],
    ids=repr,
)
def test_a_line_says_what_to_do(error: Exception, words: str) -> None:
    assert words in reported(error)


@pytest.mark.parametrize(
    ("code", "variable"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", "QUEUE_NAME (packs)"),
        ("ResourceNotFoundException", "DYNAMODB_TABLE_API_KEYS (triggers-api-keys)"),
        ("NoSuchBucket", "BODIES_BUCKET (triggers-bodies)"),
    ],
)
def test_a_missing_resource_can_be_created_or_is_elsewhere(code: str, variable: str) -> None:
    line = reported(refused(code))
    assert "run `triggers provision`, or check " in line
    assert variable in line
    assert "AWS_REGION (eu-west-1)" in line


def test_a_denied_identity_and_action_are_quoted_from_aws() -> None:
    assert reported(refused("AccessDenied", DENIED, status=403)) == (
        f"AWS denies access: {ROLE} may not sqs:sendmessage on {QUEUE}. Allow it in IAM, or use another AWS_PROFILE."
    )


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("HeadBucket", "s3:ListBucket on bucket triggers-bodies"),
        ("GetObject", "s3:GetObject on bucket triggers-bodies"),
        ("SendMessageBatch", "sqs:SendMessage on queue packs or triggers-dlq"),
        ("CreateQueue", "sqs:CreateQueue on queue packs or triggers-dlq"),
        (
            "BatchExecuteStatement",
            f"dynamodb:PartiQLInsert on table {TABLES}",
        ),
        ("Scan", f"dynamodb:Scan on table {TABLES}"),
    ],
)
def test_details_missing_from_the_error_come_from_the_call(operation: str, words: str) -> None:
    line = reported(refused("AccessDenied", status=403, operation=operation))
    assert line.startswith(f"AWS denies access: these credentials may not {words}. ")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            exceptions.EndpointConnectionError(endpoint_url=URL, error=socket.gaierror(-2, "No such host")),
            "No such host",
        ),
        (
            exceptions.EndpointConnectionError(
                endpoint_url=URL, error=aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "hidden"))
            ),
            "Connection refused",
        ),
        (exceptions.ConnectTimeoutError(endpoint_url=URL), "it does not answer in time"),
        (exceptions.ReadTimeoutError(endpoint_url=URL, error=TimeoutError()), "it does not answer in time"),
        (exceptions.ConnectionClosedError(endpoint_url=URL), "no connection"),
    ],
    ids=repr,
)
def test_an_unreachable_endpoint_is_named(error: Exception, reason: str) -> None:
    assert reported(error).startswith(
        f"https://sqs.eu-west-1.amazonaws.com:444 can't be reached ({reason}): check AWS_REG"
    )


def test_an_unverifiable_certificate_is_not_reported_as_a_network_error() -> None:
    line = reported(exceptions.SSLError(endpoint_url=URL, error=OSError()))
    assert line.startswith("The certificate of https://sqs.eu-west-1.amazonaws.com:444 can't be verified")


@pytest.mark.parametrize("guard", [translated, translated_read])
def test_the_cause_of_a_wrapped_error_is_found(guard: type) -> None:
    with pytest.raises(TriggersError) as raised, guard():
        raise client_error("ExpiredTokenException")
    assert reported(raised.value).startswith("The AWS session has expired")


@pytest.mark.parametrize("error", [Unavailable("a limit was reached"), NotFound("No key k."), ValueError()])
def test_other_errors_are_not_explained(error: Exception) -> None:
    assert aws_error_messages.explain(error, NAMED) is None


def test_a_missing_resource_is_recognised() -> None:
    assert aws_error_messages.is_missing(client_error("ResourceNotFoundException"))
    assert not aws_error_messages.is_missing(client_error("AccessDeniedException"))
    assert aws_error_messages.missing("queue", "packs", "QUEUE_NAME", "eu-west-1").startswith(
        "No queue packs in eu-west-1: run `triggers provision`, or check QUEUE_NAME,"
    )
