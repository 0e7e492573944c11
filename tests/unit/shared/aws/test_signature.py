"""botocore's signer is the reference: its `Authorization` is expected for each request."""

import datetime as dt

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aws.signature import RequestSigner

_URLS = st.sampled_from(
    [
        "https://sqs.eu-central-1.amazonaws.com",
        "https://dynamodb.us-east-1.amazonaws.com/",
        "http://127.0.0.1:4566",
        "https://localhost:443/",
        "http://localhost:80",
        "https://LocalStack.test:4566/",
        "https://[::1]:4566/",
    ]
)
_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
_HEADERS = st.sampled_from(
    [
        {"content-type": "application/x-amz-json-1.0"},
        {"content-type": "application/x-amz-json-1.0", "x-amzn-query-mode": "true"},
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    url=_URLS,
    headers=_HEADERS,
    target=st.sampled_from(["AmazonSQS.SendMessageBatch", "AmazonSQS.ReceiveMessage", "DynamoDB_20120810.Query"]),
    body=st.binary(max_size=5000),
    credentials=st.builds(ReadOnlyCredentials, _TEXT, _TEXT, st.none() | _TEXT),
    now=st.floats(min_value=0, max_value=4e9),
)
def test_a_request_is_signed_as_by_botocore(
    *, url: str, headers: dict[str, str], target: str, body: bytes, credentials: ReadOnlyCredentials, now: float
) -> None:
    signer = RequestSigner(service="sqs", region="eu-central-1", url=url, headers=headers)

    signed = signer.sign(target, body, credentials, now)

    reference = AWSRequest(method="POST", url=url, data=body, headers={**headers, "x-amz-target": target})
    with pytest.MonkeyPatch.context() as patch:
        moment = dt.datetime.fromtimestamp(int(now), dt.UTC)
        patch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
        botocore.auth.SigV4Auth(credentials, "sqs", "eu-central-1").add_auth(reference)
    assert signed["authorization"] == reference.headers["Authorization"]
    assert signed["x-amz-date"] == reference.headers["X-Amz-Date"]
    assert signed.get("x-amz-security-token") == reference.headers.get("X-Amz-Security-Token")


def test_a_session_token_that_was_refreshed_replaces_the_old_one() -> None:
    signer = RequestSigner(service="sqs", region="eu-central-1", url="https://sqs", headers={})

    signed = [
        signer.sign("AmazonSQS.SendMessage", b"{}", ReadOnlyCredentials("id", "secret", token), 0)
        for token in ("old", "new", None)
    ]

    assert [headers.get("x-amz-security-token") for headers in signed] == ["old", "new", None]
    assert len({headers["authorization"] for headers in signed}) == 3
