"""The permissions of each role."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tests.cdk.conftest import Assembly

READS = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "s3:GetObject", "s3:ListBucket"}
COUNTS = {"dynamodb:UpdateItem"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
SENDS = {"sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"}
CONSUMES = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"}
WRITES_GROUPS = {"dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
WRITES = {
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "s3:PutObject",
}


def listed(value: str | list[Any]) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(statements: Iterable[Mapping[str, Any]]) -> set[str]:
    return {action for one in statements for action in listed(one["Action"])}


def on(statements: Iterable[Mapping[str, Any]], resource: str) -> list[Mapping[str, Any]]:
    return [one for one in statements if resource in str(one["Resource"])]


def test_no_action_and_no_resource_is_everything(each: Assembly) -> None:
    policies = each.properties("IAM::Policy")
    assert policies
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert not any("*" in action for action in listed(statement["Action"])), statement
            if "*" in listed(statement["Resource"]):
                assert listed(statement["Action"]) == ["ecr:GetAuthorizationToken"]  # which has no resource


def test_no_function_has_a_managed_policy(each: Assembly) -> None:
    roles = [
        role
        for role in each.properties("IAM::Role", "Service")
        if "lambda.amazonaws.com" in str(role["AssumeRolePolicyDocument"])
    ]
    assert len(roles) == 4
    assert not any(role.get("ManagedPolicyArns") for role in roles)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("Ingest", SENDS | LOGS | COUNTS | {"dynamodb:GetItem", "kms:Decrypt"}),
        ("Inbox", READS | LOGS | COUNTS),
        ("Groups", READS | LOGS | COUNTS | SENDS | WRITES_GROUPS),
        ("WorkWorker", SENDS | CONSUMES | READS | WRITES | LOGS),
    ],
)
def test_a_function_may_do_what_it_does_and_nothing_else(each: Assembly, role: str, allowed: set[str]) -> None:
    assert actions(each.statements_of(role, "Service")) == allowed


def test_the_inbox_writes_no_events(each: Assembly) -> None:
    statements = each.statements_of("Inbox", "Service")
    assert actions(on(statements, "TablesEvents")) == {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
    assert not on(statements, "Queues")
    assert not on(statements, "TablesGroups")


def test_the_groups_write_their_own_table_alone(each: Assembly) -> None:
    statements = each.statements_of("Groups", "Service")
    reads = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
    assert actions(on(statements, "TablesEvents")) == reads
    assert actions(on(statements, "TablesGroups")) == reads | WRITES_GROUPS
    assert actions(on(statements, "Queues")) == SENDS
    assert not on(statements, "DeadLetters")
    assert "s3:PutObject" not in actions(statements)


def test_ingest_never_reaches_the_events(each: Assembly) -> None:
    statements = each.statements_of("Ingest", "Service")
    assert not on(statements, "TablesEvents")
    assert not on(statements, "bodies")


def test_only_ingest_reads_sources_and_decrypts_their_secrets(each: Assembly) -> None:
    for role in ("Ingest", "Inbox", "Groups", "WorkWorker"):
        statements = each.statements_of(role, "Service")
        found = actions([*on(statements, "TablesSources"), *on(statements, "SourcesKey")])
        assert found == ({"dynamodb:GetItem", "kms:Decrypt"} if role == "Ingest" else set())


@pytest.mark.parametrize("role", ["Ingest", "Inbox", "Groups"])
def test_an_api_may_record_use_and_count_tokens_but_neither_change_nor_expire_a_key(each: Assembly, role: str) -> None:
    statements = on(each.statements_of(role, "Service"), "TablesApiKeys")
    updates = [one for one in statements if "dynamodb:UpdateItem" in listed(one["Action"])]
    assert all(listed(one["Action"]) == [*COUNTS] for one in updates)
    assert [one["Condition"] for one in updates] == [
        {
            "ForAllValues:StringEquals": {"dynamodb:Attributes": ["full_us", "pk", "ttl"]},
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["bucket#*"]},
        },
        {
            "ForAllValues:StringEquals": {"dynamodb:Attributes": ["last_used_at", "pk"]},
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["key#*"]},
        },
    ]


@pytest.mark.parametrize(
    ("task", "function"),
    [
        ("ContainersIngest", "Ingest"),
        ("ContainersInbox", "Inbox"),
        ("ContainersGroups", "Groups"),
        ("ContainersWorker", "WorkWorker"),
    ],
)
def test_a_container_may_do_what_its_function_may(fargate: Assembly, task: str, function: str) -> None:
    of_task = fargate.statements_of(f"{task}Role", "Fargate")
    assert actions(of_task) == actions(fargate.statements_of(function, "Service")) - LOGS
