"""A deployment in good order but for what a test changes: as clients, and over HTTP."""

import re
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import partial
from typing import Any, cast

import msgspec
from botocore.exceptions import ClientError

from cli.inspection import Clients
from tests.unit.cli.fake_api import Answer, Asked, FakeApi

WELL: dict[str, Any] = {
    "GetQueueUrl": {"QueueUrl": "http://127.0.0.1/queue"},
    "GetQueueAttributes": {
        "Attributes": {
            "ApproximateNumberOfMessages": "0",
            "ApproximateNumberOfMessagesNotVisible": "0",
            "RedrivePolicy": '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:triggers-dlq"}',
        }
    },
    "DescribeTable": {"Table": {"TableStatus": "ACTIVE"}},
    "DescribeTimeToLive": {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED"}},
    "DescribeContinuousBackups": {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"},
        }
    },
    "GetItem": {},
    "HeadBucket": {},
}
"""What each call answers; in its place may stand a `Refusal`."""


class Refusal(msgspec.Struct):
    """The answer to a call that AWS refuses."""

    code: str
    message: str = ""
    status: int = 400


class FakeClient:
    """Answers as `answers` say, which may change."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = re.sub("_?([a-z]+)", lambda word: word[1].title(), name)

        async def answer(**_: object) -> Any:
            reported = self._answers[call]
            if isinstance(reported, Refusal):
                error = {"Error": {"Code": reported.code, "Message": reported.message}}
                raise ClientError({**error, "ResponseMetadata": {"HTTPStatusCode": reported.status}}, call)  # type: ignore[typeddict-item]
            return reported

        return answer


def clients(answers: dict[str, Any]) -> Clients:
    client = cast("Any", FakeClient(answers))
    return Clients(client, client, client)


def serve(api: FakeApi, answers: dict[str, Any]) -> dict[str, str]:
    """Let `api` answer as AWS does; return the environment that selects it."""

    def answer(asked: Asked) -> Answer:
        reported = answers[asked.headers.get("x-amz-target", ".HeadBucket").partition(".")[2]]
        status, body = 200, reported
        if isinstance(reported, Refusal):
            status, body = reported.status, {"__type": f"com.amazonaws#{reported.code}", "message": reported.message}
        return Answer(status, msgspec.json.encode(body), (("Content-Type", "application/x-amz-json-1.0"),))

    api.otherwise = answer
    api.date = partial(formatdate, usegmt=True)
    return {
        "AWS_ENDPOINT_URL": api.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "the-secret",
        "AWS_SESSION_TOKEN": "the-token",
    }
