"""Permissions: the calls that each part makes, on the resources that it uses, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam

from cdk.data_stack import DataStack
from cdk.nag import acknowledge, shown

_READ_EVENTS = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")
_WRITE_EVENTS = (
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
)
_WRITE_GROUPS = ("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
# What the APIs update in the key table, by the prefix of the item's key. A key with a `ttl` would be deleted.
_UPDATED = {"bucket#": ("full_us", "pk", "ttl"), "key#": ("last_used_at", "pk")}
_SEND = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage")
_CONSUME = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage")


def allow_ingest(role: iam.IRole, data: DataStack) -> None:
    """Allow verifying keys, reading sources, decrypting their secrets, and sending packs."""
    _keys(role, data)
    _allow(role, ("dynamodb:GetItem",), data.tables.sources.table_arn)
    _allow(role, ("kms:Decrypt",), data.tables.sources_key.key_arn)
    _allow(role, _SEND, data.queues.events.queue_arn)


def allow_inbox(role: iam.IRole, data: DataStack) -> None:
    """Allow verifying keys and reading events, but not writing them."""
    _keys(role, data)
    _allow(role, _READ_EVENTS, data.tables.events.table_arn)
    _bodies(role, data, "s3:GetObject")


def allow_groups(role: iam.IRole, data: DataStack) -> None:
    """Allow verifying keys, reading events, writing groups, and sending acks."""
    allow_inbox(role, data)
    _allow(role, (*_READ_EVENTS, *_WRITE_GROUPS), data.tables.groups.table_arn)
    _allow(role, _SEND, data.queues.events.queue_arn)


def allow_worker(role: iam.IRole, data: DataStack) -> None:
    """Allow receiving, requeueing and dead-lettering packs, and writing events."""
    _allow(role, (*_SEND, *_CONSUME), data.queues.events.queue_arn)
    _allow(role, _SEND, data.queues.dlq.queue_arn)
    _allow(role, (*_READ_EVENTS, *_WRITE_EVENTS), data.tables.events.table_arn)
    _bodies(role, data, "s3:GetObject", "s3:PutObject")


def _keys(role: iam.IRole, data: DataStack) -> None:
    """Allow reading keys, recording their use and updating their token buckets; no other attribute of either."""
    table = data.tables.api_keys.table_arn
    _allow(role, ("dynamodb:GetItem",), table)
    for prefix, attributes in _UPDATED.items():
        # DynamoDB lists the attributes of every expression of the call, and `pk`. `ReturnValues` needs no condition,
        # since the roles may read whole items.
        conditions = {
            "ForAllValues:StringEquals": {"dynamodb:Attributes": list(attributes)},
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{prefix}*"]},
        }
        _allow(role, ("dynamodb:UpdateItem",), table, conditions)


def _bodies(role: iam.IRole, data: DataStack, *actions: str) -> None:
    bucket = data.bodies.bucket
    _allow(role, actions, data.bodies.objects_arn)
    # Without it, S3 answers 403 for an object that does not exist.
    _allow(role, ("s3:ListBucket",), bucket.bucket_arn)
    acknowledge(
        role,
        f"IAM5[Resource::{shown(data.bodies.objects_arn)}]",
        "A body's key is known only when an event is stored; all are below one prefix.",
    )


def _allow(role: iam.IRole, actions: Sequence[str], resource: str, conditions: Mapping[str, Any] | None = None) -> None:
    statement = iam.PolicyStatement(actions=list(actions), resources=[resource], conditions=conditions)
    role.add_to_principal_policy(statement)
