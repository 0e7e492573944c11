"""Check the resources of a deployment on AWS and list its problems, without changing anything."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec
from botocore.exceptions import ClientError

from cli import aws_error_messages
from cli.api_state import ApiState, look_at_api
from shared.aws import clock_reports, layout
from shared.aws.clients import AwsClients
from shared.aws.errors import AWS_ERRORS
from shared.clock import SystemClock
from shared.model.errors import InvalidSettings, Unavailable, clock_error
from shared.service_time import Reading, ServiceTime
from shared.settings import Settings

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_sqs import SQSClient

_T = TypeVar("_T")

_STOPS = "it stores nothing. Synchronize it with NTP."
_SERVING = ("ACTIVE", "UPDATING")  # a table is available while it is being updated


class QueueState(msgspec.Struct, frozen=True, kw_only=True):
    """A queue. Its numbers are SQS's approximations; `waiting` counts the messages that can be received now."""

    name: str
    exists: bool | None = None
    waiting: int | None = None
    in_flight: int | None = None
    delayed: int | None = None


class TableState(msgspec.Struct, frozen=True, kw_only=True):
    """A table. `status` is DynamoDB's `TableStatus`; `recovery` is point-in-time recovery."""

    name: str
    exists: bool | None = None
    status: str | None = None
    ttl: bool | None = None
    recovery: bool | None = None


class BucketState(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket."""

    name: str
    exists: bool | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Output of `triggers status --json`. A value of None is unknown; `api` is None without a URL."""

    healthy: bool
    region: str
    queue: QueueState
    dlq: QueueState
    events_table: TableState
    api_keys_table: TableState
    groups_table: TableState
    sources_table: TableState
    bucket: BucketState
    api: ApiState | None
    problems: list[str]


class Clients(NamedTuple):
    """The AWS clients."""

    sqs: "SQSClient"
    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    service_time: ServiceTime = ServiceTime()


@asynccontextmanager
async def opened(named: Settings) -> AsyncIterator[Clients]:
    """Provide clients of the AWS account, or emulator, that the environment selects."""
    service_time = ServiceTime(named.clock_skew_ms / 2)
    aws = AwsClients(named, service_time)
    async with aws.sqs() as sqs, aws.dynamodb() as dynamodb, aws.s3() as s3:
        yield Clients(sqs, dynamodb, s3, service_time)


async def inspect(named: Settings, clients: Clients, url: str | None) -> Report:
    """Check all resources concurrently; a resource that can't be read is a problem, too."""
    look = _Look(named, clients)
    (queue, dlq), (events, api_keys, groups, sources), bucket, api = await asyncio.gather(
        asyncio.gather(look.queue(), look.dlq()),
        asyncio.gather(look.events(), look.api_keys(), look.groups(), look.sources()),
        look.bucket(),
        look_at_api(url),
    )
    tables = (*events[1], *api_keys[1], *groups[1], *sources[1])
    problems = [*queue[1], *dlq[1], *tables, *bucket[1], *api[1], *look.clock()]
    # One cause, such as missing credentials, affects all resources; it is reported once.
    distinct = list(dict.fromkeys(problems))
    return Report(
        healthy=not distinct,
        region=named.aws_region,
        queue=queue[0],
        dlq=dlq[0],
        events_table=events[0],
        api_keys_table=api_keys[0],
        groups_table=groups[0],
        sources_table=sources[0],
        bucket=bucket[0],
        api=api[0],
        problems=distinct,
    )


class _Look:
    """Checks resources. Each method returns the state of one resource, and its problems."""

    def __init__(self, named: Settings, clients: Clients) -> None:
        self._named = named
        self._sqs, self._dynamodb, self._s3, self._service_time = clients

    def clock(self) -> list[str]:
        """Compare the clock of this machine with the dates of the answers, and return the problem if it is wrong."""
        now = Reading.of(SystemClock())
        if not self._service_time.is_wrong(now):
            return []
        error = clock_error(self._service_time.error_ms(now))
        return [f"The clock of this machine {error}: a worker or an inbox here would stop. Synchronize it with NTP."]

    async def queue(self) -> tuple[QueueState, list[str]]:
        """Check the queue."""
        state, problems, attributes = await self._queue(self._named.queue_name, "QUEUE_NAME")
        policy = json.loads(attributes.get("RedrivePolicy", "{}"))
        if attributes and not str(policy.get("deadLetterTargetArn", "")).endswith(f":{self._named.dlq_name}"):
            problems.append(
                f"Queue {state.name} does not move failed messages to {self._named.dlq_name}: run"
                " `triggers provision`, or check DLQ_NAME."
            )
        return state, problems

    async def dlq(self) -> tuple[QueueState, list[str]]:
        """Check the DLQ."""
        state, problems, _ = await self._queue(self._named.dlq_name, "DLQ_NAME")
        # Messages in flight are only being inspected.
        dead = (state.waiting or 0) + (state.in_flight or 0)
        return state, problems + dead_letter_problems(dead, f"the DLQ {state.name}")

    async def _queue(self, name: str, variable: str) -> tuple[QueueState, list[str], dict[str, str]]:
        async def ask() -> dict[str, str]:
            url = (await self._sqs.get_queue_url(QueueName=name))["QueueUrl"]
            answer = await self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
            return {str(key): value for key, value in answer["Attributes"].items()}

        attributes, exists, problems = await self._asked(ask(), "queue", name, variable)
        if attributes is None:
            return QueueState(name=name, exists=exists), problems, {}
        state = QueueState(
            name=name,
            exists=True,
            waiting=_number(attributes, "ApproximateNumberOfMessages"),
            in_flight=_number(attributes, "ApproximateNumberOfMessagesNotVisible"),
            delayed=_number(attributes, "ApproximateNumberOfMessagesDelayed"),
        )
        return state, problems, attributes

    async def events(self) -> tuple[TableState, list[str]]:
        """Check the table of events."""
        state, problems = await self._table(self._named.dynamodb_table_events, "DYNAMODB_TABLE_EVENTS")
        if state.status in _SERVING:
            try:
                with suppress(Unavailable):  # skipped if the identity may only describe tables
                    await layout.check(self._dynamodb, self._named)
            except InvalidSettings as error:
                problems += [f"{fault}. Every process must use that number." for fault in error.faults]
            with suppress(*AWS_ERRORS):  # the same
                now_ms = SystemClock().wall_ms()
                reports = await clock_reports.read(self._dynamodb, state.name, now_ms)
                problems += [
                    f"The clock of the worker on {one.host} {clock_error(one.ahead_ms)}: {_STOPS}" for one in reports
                ]
        return state, problems

    async def api_keys(self) -> tuple[TableState, list[str]]:
        """Check the table of keys."""
        return await self._table(self._named.dynamodb_table_api_keys, "DYNAMODB_TABLE_API_KEYS")

    async def groups(self) -> tuple[TableState, list[str]]:
        """Check the table of consumer groups."""
        return await self._table(self._named.dynamodb_table_groups, "DYNAMODB_TABLE_GROUPS")

    async def sources(self) -> tuple[TableState, list[str]]:
        """Check the table of sources."""
        return await self._table(self._named.dynamodb_table_sources, "DYNAMODB_TABLE_SOURCES")

    async def _table(self, name: str, variable: str) -> tuple[TableState, list[str]]:
        described = self._dynamodb.describe_table(TableName=name)
        attributes, exists, problems = await self._asked(described, "table", name, variable)
        if attributes is None:
            return TableState(name=name, exists=exists), problems
        status = attributes["Table"].get("TableStatus", "ACTIVE")
        state = TableState(
            name=name, exists=True, status=status, ttl=await self._ttl(name), recovery=await self._recovery(name)
        )
        if status not in _SERVING:
            problems.append(f"Table {name} is {status}: wait until it is ACTIVE.")
        if state.ttl is False:
            problems.append(f"Table {name} never deletes expired items: run `triggers provision` to turn TTL on.")
        if state.recovery is False:
            problems.append(f"Table {name} can't be restored: run `triggers provision` to turn recovery on.")
        return state, problems

    async def _ttl(self, name: str) -> bool | None:
        with suppress(*AWS_ERRORS):
            attributes = (await self._dynamodb.describe_time_to_live(TableName=name))["TimeToLiveDescription"]
            return attributes.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        return None

    async def _recovery(self, name: str) -> bool | None:
        with suppress(*AWS_ERRORS):
            answer = await self._dynamodb.describe_continuous_backups(TableName=name)
            attributes = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
            return attributes.get("PointInTimeRecoveryStatus") == "ENABLED"
        return None

    async def bucket(self) -> tuple[BucketState, list[str]]:
        """Check the bucket."""
        name = self._named.bodies_bucket
        attributes, exists, problems = await self._asked(
            self._s3.head_bucket(Bucket=name), "bucket", name, "BODIES_BUCKET"
        )
        return BucketState(name=name, exists=exists if attributes is None else True), problems

    async def _asked(
        self, call: Coroutine[Any, Any, _T], what: str, name: str, variable: str
    ) -> tuple[_T | None, bool | None, list[str]]:
        """Return AWS's answer or None, whether the resource exists (None: unknown), and the problems."""
        try:
            return await call, True, []
        except AWS_ERRORS as error:
            if isinstance(error, ClientError) and aws_error_messages.is_missing(error):
                return None, False, [aws_error_messages.missing(what, name, variable, self._named.aws_region)]
            return None, None, [aws_error_messages.explain(error, self._named) or type(error).__name__]


def dead_letter_problems(count: int, dlq: str) -> list[str]:
    """Return the problem that `count` messages are in `dlq`, if there are any."""
    if not count:
        return []
    some = "1 message is" if count == 1 else f"{count:,} messages are"
    return [
        f"{some} in {dlq}: `triggers dlq list` shows why; once the cause is fixed, run `triggers dlq redrive --all`."
    ]


def _number(attributes: dict[str, str], name: str) -> int | None:
    return int(attributes[name]) if name in attributes else None
