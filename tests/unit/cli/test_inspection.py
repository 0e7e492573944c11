"""Problems are found, and each is reported in a sentence that says what to do."""

from typing import Any

import pytest
from msgspec.structs import replace

from cli.inspection import BucketState, QueueState, Report, TableState, inspect
from shared.settings import Settings
from tests.unit.cli.fake_aws import WELL, Refusal, clients

ARN = "arn:aws:sqs:us-east-1:1:triggers-events"
NAMED = Settings(aws_region="eu-west-1")
DENIED = Refusal("AccessDeniedException")


async def look(url: str | None = None, **answers: Any) -> Report:
    report = await inspect(NAMED, clients({**WELL, **answers}), url)
    assert report.healthy == (not report.problems)
    return report


def attributes(**changes: str) -> dict[str, dict[str, str]]:
    return {"Attributes": {**WELL["GetQueueAttributes"]["Attributes"], **changes}}


async def test_a_healthy_deployment_has_no_problems() -> None:
    queue = QueueState(name="triggers-events", exists=True, waiting=0, in_flight=0)
    events = TableState(name="triggers-events", exists=True, status="ACTIVE", ttl=True, recovery=True)
    assert await look() == Report(
        healthy=True,
        region="eu-west-1",
        queue=queue,
        dlq=replace(queue, name="triggers-dlq"),
        events_table=events,
        api_keys_table=replace(events, name="triggers-api-keys"),
        groups_table=replace(events, name="triggers-groups"),
        sources_table=replace(events, name="triggers-sources"),
        bucket=BucketState(name="triggers-bodies", exists=True),
        api=None,
        problems=[],
    )


@pytest.mark.parametrize("policy", ["{}", '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:1:other"}'])
async def test_a_queue_without_a_redrive_policy(policy: str) -> None:
    report = await look(GetQueueAttributes=attributes(RedrivePolicy=policy))
    assert report.problems == [
        (
            "Queue triggers-events does not move failed messages to triggers-dlq: run `triggers provision`, or check"
            " DLQ_NAME."
        )
    ]


@pytest.mark.parametrize(
    ("waiting", "in_flight", "said"), [("1", "0", "1 message is"), ("1000", "234", "1,234 messages are")]
)
async def test_dead_letters_include_those_being_inspected(waiting: str, in_flight: str, said: str) -> None:
    numbers = {"ApproximateNumberOfMessages": waiting, "ApproximateNumberOfMessagesNotVisible": in_flight}
    report = await look(GetQueueAttributes=attributes(**numbers))
    assert (report.queue.waiting, report.queue.in_flight) == (int(waiting), int(in_flight))
    assert report.problems == [
        (
            f"{said} in the DLQ triggers-dlq: `triggers dlq list` shows why; once the cause is fixed, run"
            " `triggers dlq redrive --all`."
        )
    ]


async def test_a_table_without_ttl_and_recovery() -> None:
    report = await look(
        DescribeTimeToLive={"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
        DescribeContinuousBackups={"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED"}},
    )
    assert report.problems == [
        f"Table {name} {said}: run `triggers provision` to turn {what} on."
        for name in ("triggers-events", "triggers-api-keys", "triggers-groups", "triggers-sources")
        for said, what in (("never deletes expired items", "TTL"), ("can't be restored", "recovery"))
    ]


@pytest.mark.parametrize(("status", "serves"), [("CREATING", False), ("UPDATING", True)])
async def test_a_table_that_is_being_created(status: str, serves: bool) -> None:  # noqa: FBT001 (a case)
    report = await look(DescribeTable={"Table": {"TableStatus": status}})
    assert report.events_table.status == status
    expected = f"Table triggers-events is {status}: wait until it is ACTIVE."
    assert (expected in report.problems) is not serves


async def test_missing_resources_are_named() -> None:
    report = await look(
        GetQueueUrl=Refusal("QueueDoesNotExist"),
        DescribeTable=Refusal("ResourceNotFoundException"),
        HeadBucket=Refusal("404", status=404),
    )
    tables = (report.events_table, report.api_keys_table, report.groups_table, report.sources_table)
    parts = (report.queue, report.dlq, *tables, report.bucket)
    assert [part.exists for part in parts] == [False] * 7
    assert report.problems[0] == (
        "No queue triggers-events in eu-west-1: run `triggers provision`, or check QUEUE_NAME, AWS_REGION"
        " and the AWS account."
    )
    tables_named = tuple(f"DYNAMODB_TABLE_{name}" for name in ("EVENTS", "API_KEYS", "GROUPS", "SOURCES"))
    variables = ("QUEUE_NAME", "DLQ_NAME", *tables_named, "BODIES_BUCKET")
    assert [f"check {name}," in said for name, said in zip(variables, report.problems, strict=True)] == [True] * 7


async def test_a_forbidden_check_is_unknown_and_reported_once() -> None:
    said = f"User: arn:aws:iam::1:user/me is not authorized to perform: sqs:getqueueurl on resource: {ARN}"
    report = await look(GetQueueUrl=Refusal("AccessDenied", said, 403))
    assert (report.queue.exists, report.events_table.exists) == (None, True)
    [problem] = report.problems
    assert f"arn:aws:iam::1:user/me may not sqs:getqueueurl on {ARN}." in problem


async def test_permission_to_describe_tables_shows_their_state() -> None:
    report = await look(DescribeTimeToLive=DENIED, DescribeContinuousBackups=DENIED)
    assert report.healthy
    assert (report.events_table.ttl, report.events_table.recovery) == (None, None)


async def test_an_api_that_is_down(free_port: int) -> None:
    report = await look(f"http://127.0.0.1:{free_port}")
    assert report.api is not None
    assert not report.api.ready
    assert len(report.problems) == 1
