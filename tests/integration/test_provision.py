"""Provisioning against the emulator."""

from typing import Any

import msgspec
import pytest

from shared.aws.backend import AwsBackend
from shared.aws.clients import AwsClients
from shared.aws.kms import KmsSecretBox
from shared.aws.provision import provision
from shared.clock import SystemClock
from shared.model.errors import InvalidSettings, Unavailable
from shared.settings import Settings


async def test_provision_twice_changes_nothing(aws_settings: Settings) -> None:
    await provision(aws_settings)
    async with AwsClients(aws_settings).sqs() as sqs:
        url = (await sqs.get_queue_url(QueueName=aws_settings.queue_name))["QueueUrl"]
        found = (await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]
    assert found["MaximumMessageSize"] == "1048576"
    assert found["VisibilityTimeout"] == "60"
    assert found["MessageRetentionPeriod"] == "1209600"
    assert found["ReceiveMessageWaitTimeSeconds"] == "20"
    policy = msgspec.json.decode(found["RedrivePolicy"])
    assert policy["deadLetterTargetArn"].endswith(aws_settings.dlq_name)
    assert int(policy["maxReceiveCount"]) == aws_settings.max_receives


async def test_tables_expire_items_and_can_be_restored(aws_settings: Settings) -> None:
    async with AwsClients(aws_settings).dynamodb() as dynamodb:
        for name, keys in ((aws_settings.dynamodb_table_events, 2), (aws_settings.dynamodb_table_api_keys, 1)):
            table = (await dynamodb.describe_table(TableName=name))["Table"]
            ttl = (await dynamodb.describe_time_to_live(TableName=name))["TimeToLiveDescription"]
            backups = (await dynamodb.describe_continuous_backups(TableName=name))["ContinuousBackupsDescription"]
            assert len(table["KeySchema"]) == keys
            assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
            assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")
            assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


async def test_bodies_outlive_a_delivered_event(aws_settings: Settings) -> None:
    async with AwsClients(aws_settings).s3() as s3:
        rules = (await s3.get_bucket_lifecycle_configuration(Bucket=aws_settings.bodies_bucket))["Rules"]
    assert [rule["Expiration"]["Days"] for rule in rules] == [2 * aws_settings.event_ttl_days + 1]


async def test_changed_queue_settings_are_applied(aws_settings: Settings) -> None:
    changed = msgspec.structs.replace(aws_settings, visibility_seconds=90)
    await provision(changed)
    async with AwsClients(changed).sqs() as sqs:
        url = (await sqs.get_queue_url(QueueName=changed.queue_name))["QueueUrl"]
        found = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert found["Attributes"] == {"VisibilityTimeout": "90"}


async def test_a_table_of_another_shape_is_refused(aws_settings: Settings) -> None:
    swapped = msgspec.structs.replace(
        aws_settings,
        dynamodb_table_events=aws_settings.dynamodb_table_api_keys,
        dynamodb_table_api_keys=aws_settings.dynamodb_table_events,
    )
    with pytest.raises(InvalidSettings, match="exists with a key schema that this version does not use"):
        await provision(swapped)


async def test_an_endpoint_that_does_not_answer_is_unavailable(
    aws_settings: Settings, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")
    with pytest.raises(Unavailable, match="provisioning failed"):
        await provision(aws_settings)


async def test_a_bucket_in_another_region_is_made_there(aws_settings: Settings) -> None:
    elsewhere = msgspec.structs.replace(
        aws_settings, aws_region="eu-central-1", bodies_bucket=aws_settings.bodies_bucket + "-eu"
    )
    await provision(elsewhere)
    async with AwsClients(elsewhere).s3() as s3:
        where = await s3.get_bucket_location(Bucket=elsewhere.bodies_bucket)
    assert where["LocationConstraint"] == "eu-central-1"


async def test_a_key_named_by_an_alias_is_created_once(aws_settings: Settings) -> None:
    named = msgspec.structs.replace(aws_settings, kms_key_id=f"alias/{aws_settings.queue_name}")
    await provision(named)
    async with AwsClients(named).kms() as kms:
        box = KmsSecretBox(kms, named.kms_key_id)
        sealed = await box.seal(b"secret", {"source": "a"})
        await provision(named)
        assert await box.open(sealed, {"source": "a"}) == b"secret"


async def test_a_table_of_an_earlier_release_is_refused(aws_settings: Settings) -> None:
    item: Any = {"pk": {"S": "config"}, "sk": {"S": "config"}, "inbox_shards": {"N": "4"}}
    async with AwsClients(aws_settings).dynamodb() as dynamodb:
        await dynamodb.put_item(TableName=aws_settings.dynamodb_table_events, Item=item)
    backend = AwsBackend(aws_settings, SystemClock())
    for open_ in (backend.event_store, backend.event_reader):
        with pytest.raises(InvalidSettings, match="earlier release"):
            await open_()
    await backend.aclose()
