"""Declares and creates the queues, tables and bucket of a deployment, and its KMS key if the settings name an alias.

The command line and the tests call `provision`; a test compares the CDK stack with `declare`.
"""

import json
from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.clients import AwsClients
from shared.aws.kms import create_key
from shared.model.errors import InvalidSettings, Unavailable
from shared.model.pack import MAX_MESSAGE_BYTES
from shared.settings import Settings

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import AttributeDefinitionTypeDef, KeySchemaElementTypeDef
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_sqs import SQSClient
    from types_aiobotocore_sqs.literals import QueueAttributeNameType

_DAY_SECONDS = 86_400


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """An SQS standard queue. After `max_receives` receives, a message moves to `dead_letters_to`."""

    name: str
    visibility_seconds: int
    retention_days: int = 14  # the maximum of SQS, to survive a long outage of the worker
    max_message_bytes: int = MAX_MESSAGE_BYTES
    receive_wait_seconds: int
    dead_letters_to: str | None = None
    max_receives: int | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A DynamoDB table, billed per request, with point-in-time recovery. All keys are strings."""

    name: str
    partition_key: str = "pk"
    sort_key: str | None = None
    ttl_attribute: str = "ttl"


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """An S3 bucket whose objects are removed after `expire_days`."""

    name: str
    expire_days: int


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """All resources of a deployment."""

    queue: Queue
    dlq: Queue
    events: Table
    api_keys: Table
    groups: Table
    sources: Table
    bodies: Bucket


def declare(settings: Settings) -> Resources:
    """Return the resources that a deployment with `settings` needs."""
    return Resources(
        queue=Queue(
            name=settings.queue_name,
            visibility_seconds=settings.visibility_seconds,
            receive_wait_seconds=settings.poll_seconds,
            dead_letters_to=settings.dlq_name,
            max_receives=settings.max_receives,
        ),
        dlq=Queue(
            name=settings.dlq_name,
            visibility_seconds=settings.visibility_seconds,
            receive_wait_seconds=settings.poll_seconds,
        ),
        events=Table(name=settings.dynamodb_table_events, sort_key="sk"),
        api_keys=Table(name=settings.dynamodb_table_api_keys),
        groups=Table(name=settings.dynamodb_table_groups, sort_key="sk"),
        sources=Table(name=settings.dynamodb_table_sources),
        # An event is kept for EVENT_TTL_DAYS from acceptance and, if acked on its last day, as long again among the
        # delivered. Its body must outlive both; one more day covers S3's rounding to whole days.
        bodies=Bucket(name=settings.bodies_bucket, expire_days=2 * settings.event_ttl_days + 1),
    )


async def provision(settings: Settings) -> None:
    """Create missing resources and update the changeable ones; may be run any number of times.

    Raises `InvalidSettings` if an existing table conflicts with `settings`, `Unavailable` if AWS refuses a call.
    """
    resources, aws = declare(settings), AwsClients(settings)
    try:
        async with aws.sqs() as sqs:
            arn = await _make_queue(sqs, resources.dlq, None)
            await _make_queue(sqs, resources.queue, arn)
        async with aws.s3() as s3:
            await _make_bucket(s3, resources.bodies, settings.aws_region)
        async with aws.dynamodb() as dynamodb:
            for table in (resources.events, resources.api_keys, resources.groups, resources.sources):
                await _make_table(dynamodb, table)
        if settings.kms_key_id.startswith("alias/"):
            async with aws.kms() as kms:
                await create_key(kms, settings.kms_key_id)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"provisioning failed: {error}") from error


async def _make_queue(sqs: "SQSClient", queue: Queue, dlq_arn: str | None) -> str:
    attributes: dict[QueueAttributeNameType, str] = {
        "VisibilityTimeout": str(queue.visibility_seconds),
        "MessageRetentionPeriod": str(queue.retention_days * _DAY_SECONDS),
        "MaximumMessageSize": str(queue.max_message_bytes),
        "ReceiveMessageWaitTimeSeconds": str(queue.receive_wait_seconds),
    }
    if dlq_arn is not None:
        attributes["RedrivePolicy"] = json.dumps(
            {"deadLetterTargetArn": dlq_arn, "maxReceiveCount": queue.max_receives}
        )
    try:
        url = (await sqs.get_queue_url(QueueName=queue.name))["QueueUrl"]
        await sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    except sqs.exceptions.QueueDoesNotExist:
        url = (await sqs.create_queue(QueueName=queue.name, Attributes=attributes))["QueueUrl"]
    answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


async def _make_bucket(s3: "S3Client", bucket: Bucket, region: str) -> None:
    try:
        await s3.head_bucket(Bucket=bucket.name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:  # noqa: PLR2004 (not found)
            raise
        # S3 rejects its first region as a location constraint.
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        await s3.create_bucket(Bucket=bucket.name, **where)  # type: ignore[arg-type] # any region, not a list of them
    await s3.put_bucket_lifecycle_configuration(
        Bucket=bucket.name,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "expire",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "Expiration": {"Days": bucket.expire_days},
                }
            ]
        },
    )


async def _make_table(dynamodb: "DynamoDBClient", table: Table) -> None:
    schema: list[KeySchemaElementTypeDef] = [{"AttributeName": table.partition_key, "KeyType": "HASH"}]
    if table.sort_key:
        schema.append({"AttributeName": table.sort_key, "KeyType": "RANGE"})
    definitions: list[AttributeDefinitionTypeDef] = [
        {"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in schema
    ]
    try:
        found = (await dynamodb.describe_table(TableName=table.name))["Table"]["KeySchema"]
        if found != schema:
            raise InvalidSettings([f"table {table.name!r} exists with a key schema that this version does not use"])
    except dynamodb.exceptions.ResourceNotFoundException:
        await dynamodb.create_table(
            TableName=table.name,
            KeySchema=schema,
            AttributeDefinitions=definitions,
            BillingMode="PAY_PER_REQUEST",
        )
    await dynamodb.get_waiter("table_exists").wait(TableName=table.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    await _keep_ttl_and_recovery(dynamodb, table)


async def _keep_ttl_and_recovery(dynamodb: "DynamoDBClient", table: Table) -> None:
    # AWS rejects enabling a feature that is already enabled, so check first.
    ttl = (await dynamodb.describe_time_to_live(TableName=table.name))["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        await dynamodb.update_time_to_live(
            TableName=table.name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": table.ttl_attribute},
        )
    backups = (await dynamodb.describe_continuous_backups(TableName=table.name))["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        await dynamodb.update_continuous_backups(
            TableName=table.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
