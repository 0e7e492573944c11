"""The tables of events, API keys, consumer groups and sources, and the KMS key for the secrets of sources."""

from aws_cdk import CfnOutput, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk.config import Config
from shared.aws.provision import Table, declare


class Tables(Construct):
    """All tables as `shared.aws.provision` declares them: on demand, encrypted, with point-in-time recovery."""

    def __init__(self, scope: Construct, name: str, config: Config) -> None:
        super().__init__(scope, name)
        declared = declare(config.settings())
        warm = config.warm_write_units
        self.events = _table(
            self,
            "Events",
            declared.events,
            config,
            billing=dynamodb.Billing.on_demand(max_write_request_units=config.max_write_units),
            warm_throughput=dynamodb.WarmThroughput(write_units_per_second=warm) if warm else None,
        )
        self.api_keys = _table(self, "ApiKeys", declared.api_keys, config)
        self.groups = _table(self, "Groups", declared.groups, config)
        self.sources = _table(self, "Sources", declared.sources, config)
        self.sources_key = kms.Key(
            self,
            "SourcesKey",
            description="Encrypts the signing secrets of sources",
            enable_key_rotation=True,
            removal_policy=_removal(config),
        )
        CfnOutput(self, "SourcesKeyId", value=self.sources_key.key_id)


def _table(
    scope: Construct,
    name: str,
    declared: Table,
    config: Config,
    *,
    billing: dynamodb.Billing | None = None,
    warm_throughput: dynamodb.WarmThroughput | None = None,
) -> dynamodb.TableV2:
    return dynamodb.TableV2(
        scope,
        name,
        table_name=declared.name,
        partition_key=_key(declared.partition_key),
        sort_key=_key(declared.sort_key) if declared.sort_key else None,
        time_to_live_attribute=declared.ttl_attribute,
        billing=billing or dynamodb.Billing.on_demand(),
        warm_throughput=warm_throughput,
        encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=config.keep_data,
        removal_policy=_removal(config),
    )


def _removal(config: Config) -> RemovalPolicy:
    return RemovalPolicy.RETAIN if config.keep_data else RemovalPolicy.DESTROY


def _key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
