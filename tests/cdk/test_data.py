"""The data stack: as `shared.aws.provision` declares it, encrypted, over TLS only, and protected."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdk import config
from cdk.config import Config
from shared.aws.provision import Queue, Table, declare
from shared.settings import load
from tests.cdk.conftest import Assembly


@pytest.fixture(params=["dev", "prod"])
def stage(request: pytest.FixtureRequest) -> Config:
    return config.stage(request.param)


def of_stage(stage: Config, dev: Assembly, prod: Assembly) -> Assembly:
    return {"dev": dev, "prod": prod}[stage.stage]


def table_of(properties: Any) -> Table:
    keys = {key["KeyType"]: key["AttributeName"] for key in properties["KeySchema"]}
    assert {one["AttributeType"] for one in properties["AttributeDefinitions"]} == {"S"}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["TimeToLiveSpecification"]["Enabled"] is True
    (replica,) = properties["Replicas"]
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    return Table(
        name=properties["TableName"],
        partition_key=keys["HASH"],
        sort_key=keys.get("RANGE"),
        ttl_attribute=properties["TimeToLiveSpecification"]["AttributeName"],
    )


def queue_of(properties: Any, dlq_name: str) -> Queue:
    redrive = properties.get("RedrivePolicy")
    return Queue(
        name=properties["QueueName"],
        visibility_seconds=properties["VisibilityTimeout"],
        retention_days=properties["MessageRetentionPeriod"] / 86_400,
        max_message_bytes=properties["MaximumMessageSize"],
        receive_wait_seconds=properties["ReceiveMessageWaitTimeSeconds"],
        dead_letters_to=dlq_name if redrive and "DeadLetters" in json.dumps(redrive) else None,
        max_receives=redrive["maxReceiveCount"] if redrive else None,
    )


def test_queues_and_tables_are_those_declared(stage: Config, dev: Assembly, prod: Assembly) -> None:
    made, declared = of_stage(stage, dev, prod), declare(stage.settings())
    queues = [queue_of(one, declared.dlq.name) for one in made.properties("SQS::Queue")]
    tables = [table_of(one) for one in made.properties("DynamoDB::GlobalTable")]
    assert sorted(queues, key=lambda one: one.name) == sorted([declared.dlq, declared.queue], key=lambda one: one.name)
    assert sorted(tables, key=lambda one: one.name) == sorted(
        [declared.events, declared.api_keys, declared.groups, declared.sources], key=lambda one: one.name
    )


def test_bodies_expire_as_declared(stage: Config, dev: Assembly, prod: Assembly) -> None:
    made, declared = of_stage(stage, dev, prod), declare(stage.settings())
    (bucket,) = made.properties("S3::Bucket")
    days = [
        rule["ExpirationInDays"] for rule in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule
    ]
    assert days == [declared.bodies.expire_days]
    assert "VersioningConfiguration" not in bucket  # erased bodies must be gone


def test_functions_use_the_declared_resources(stage: Config, dev: Assembly, prod: Assembly) -> None:
    made, settings = of_stage(stage, dev, prod), stage.settings()
    for function in made.properties("Lambda::Function"):
        environment = function["Environment"]["Variables"]
        for name in (
            "QUEUE_NAME",
            "DLQ_NAME",
            "DYNAMODB_TABLE_EVENTS",
            "DYNAMODB_TABLE_API_KEYS",
            "DYNAMODB_TABLE_GROUPS",
            "DYNAMODB_TABLE_SOURCES",
        ):
            assert environment[name] == getattr(settings, name.lower())
        assert environment["VISIBILITY_SECONDS"] == str(settings.visibility_seconds)
        assert "Bucket" in json.dumps(environment["BODIES_BUCKET"])
        assert environment["RATE_LIMITS"] == "shared"  # by many processes
        loaded = {name: value for name, value in environment.items() if isinstance(value, str)}
        assert load(loaded).queue_name == settings.queue_name  # all are valid
        assert load(loaded).inline_body_bytes == 65_536  # in DynamoDB, larger bodies cost 12 times as much as in S3


def test_all_is_encrypted(each: Assembly) -> None:
    assert all(one["SqsManagedSseEnabled"] is True for one in each.properties("SQS::Queue"))
    for table in each.properties("DynamoDB::GlobalTable"):
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    for bucket in each.properties("S3::Bucket"):
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


@pytest.mark.parametrize(
    ("kind", "policy"),
    [("SQS::Queue", "SQS::QueuePolicy"), ("S3::Bucket", "S3::BucketPolicy"), ("SNS::Topic", "SNS::TopicPolicy")],
)
def test_all_is_reached_over_tls_only(each: Assembly, kind: str, policy: str) -> None:
    refusing = [
        one
        for one in each.properties(policy)
        if any(
            statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in one["PolicyDocument"]["Statement"]
        )
    ]
    assert len(refusing) == len(each.all(kind)) > 0


def test_in_production_data_can_not_be_deleted(prod: Assembly, dev: Assembly) -> None:
    for kind in ("DynamoDB::GlobalTable", "S3::Bucket", "SQS::Queue"):
        assert {one["DeletionPolicy"] for one in prod.all(kind, "Data")} == {"Retain"}
        assert {one["DeletionPolicy"] for one in dev.all(kind, "Data")} == {"Delete"}
    for made, protected in ((prod, True), (dev, False)):
        for table in made.properties("DynamoDB::GlobalTable"):
            assert {one.get("DeletionProtectionEnabled", False) for one in table["Replicas"]} == {protected}
        manifest = json.loads((made.directory / "manifest.json").read_text())["artifacts"]
        (data,) = [one["properties"] for name, one in manifest.items() if name.endswith("-Data")]
        assert data.get("terminationProtection", False) is protected


def test_writes_can_be_limited_and_prepared_for(assembly: Callable[..., Assembly], prod: Assembly) -> None:
    tables = {one["TableName"]: one for one in assembly("limited").properties("DynamoDB::GlobalTable")}
    events = tables.pop("triggers-dev-events")
    assert events["WriteOnDemandThroughputSettings"] == {"MaxWriteRequestUnits": 5000}
    assert events["WarmThroughput"] == {"WriteUnitsPerSecond": 8000}
    limits = {"WriteOnDemandThroughputSettings", "WarmThroughput"}
    unlimited = [*tables.values(), *prod.properties("DynamoDB::GlobalTable")]
    assert all(limits.isdisjoint(table) for table in unlimited)
