"""The resources of a deployment in the emulator, for comparison with another."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from shared.aws.clients import AwsClients
from shared.settings import Settings

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

NAMES = (
    "queue_name",
    "dlq_name",
    "dynamodb_table_events",
    "dynamodb_table_api_keys",
    "dynamodb_table_groups",
    "dynamodb_table_sources",
    "bodies_bucket",
)
"""The settings that name resources."""

_QUEUE = ("VisibilityTimeout", "ReceiveMessageWaitTimeSeconds", "MessageRetentionPeriod", "MaximumMessageSize")


async def described(settings: Settings) -> dict[str, Any]:
    """Return the properties of a deployment, without names."""
    aws = AwsClients(settings)
    found: dict[str, Any] = {}
    async with aws.sqs() as sqs:
        for role, name in (("queue", settings.queue_name), ("dlq", settings.dlq_name)):
            url = (await sqs.get_queue_url(QueueName=name))["QueueUrl"]
            attributes = (await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]
            found[role] = {one: attributes.get(one) for one in _QUEUE} | _redrive(attributes, settings)  # type: ignore[call-overload] # by any name
    async with aws.s3() as s3:
        answer = await s3.get_bucket_lifecycle_configuration(Bucket=settings.bodies_bucket)
        found["bodies"] = answer["Rules"]
    async with aws.dynamodb() as dynamodb:
        found["events"] = await _table(dynamodb, settings.dynamodb_table_events)
        found["api_keys"] = await _table(dynamodb, settings.dynamodb_table_api_keys)
        found["groups"] = await _table(dynamodb, settings.dynamodb_table_groups)
        found["sources"] = await _table(dynamodb, settings.dynamodb_table_sources)
    return found


def _redrive(attributes: Mapping[Any, str], settings: Settings) -> dict[str, Any]:
    if "RedrivePolicy" not in attributes:
        return {}
    policy = msgspec.json.decode(attributes["RedrivePolicy"])
    to_dlq = policy["deadLetterTargetArn"].endswith(f":{settings.dlq_name}")
    return {"to_dlq": to_dlq, "max_receives": int(policy["maxReceiveCount"])}


async def _table(dynamodb: "DynamoDBClient", name: str) -> dict[str, Any]:
    table = (await dynamodb.describe_table(TableName=name))["Table"]
    ttl = (await dynamodb.describe_time_to_live(TableName=name))["TimeToLiveDescription"]
    backups = (await dynamodb.describe_continuous_backups(TableName=name))["ContinuousBackupsDescription"]
    return {
        "keys": table["KeySchema"],
        "attributes": table["AttributeDefinitions"],
        "billing": table["BillingModeSummary"]["BillingMode"],
        "ttl": (ttl["TimeToLiveStatus"], ttl["AttributeName"]),
        "recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "items": (await dynamodb.scan(TableName=name))["Items"],
    }
