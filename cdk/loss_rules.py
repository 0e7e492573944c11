"""Which changes of which resources are losses: the resources that hold data, and those that are an address."""

from collections.abc import Callable, Mapping
from typing import Any

_MAX_RECOVERY_DAYS = 35
"""Where a template has none."""
_SQS_RETENTION_SECONDS = 345_600
"""Where a template has none."""


def _changed(deployed: object, wanted: object) -> bool:
    return bool(deployed != wanted)


def _weakened(deployed: object, wanted: object) -> bool:
    return bool(deployed) and deployed != wanted


def _enabled(deployed: object, wanted: object) -> bool:
    return bool(wanted) and not deployed


def _disabled(deployed: object, wanted: object) -> bool:
    return wanted is False and deployed is not False


def _no_longer_true(deployed: object, wanted: object) -> bool:
    """Of the attributes of a load balancer, whose values are text."""
    return deployed == "true" != wanted


def _earlier(deployed: int | None, wanted: int | None) -> bool:
    """Whether something expires earlier; None: never."""
    return wanted is not None and (deployed is None or wanted < deployed)


def _shorter_recovery(deployed: int | None, wanted: int | None) -> bool:
    return (wanted or _MAX_RECOVERY_DAYS) < (deployed or _MAX_RECOVERY_DAYS)


def _shorter_retention(deployed: int | None, wanted: int | None) -> bool:
    return (wanted or _SQS_RETENTION_SECONDS) < (deployed or _SQS_RETENTION_SECONDS)


Rules = Mapping[str, tuple[Callable[[Any, Any], bool], str]]
"""By the path of a property: whether a change of its value is a loss, and what it does."""

_ENCRYPTION = (_weakened, "the encryption of its data changes")
_REPLICA: Rules = {
    "/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled": (_weakened, "its backups of 35 days are deleted"),
    "/PointInTimeRecoverySpecification/RecoveryPeriodInDays": (_shorter_recovery, "its older backups are deleted"),
    "/DeletionProtectionEnabled": (_weakened, "nothing protects it from deletion"),
    "/SSESpecification/*": _ENCRYPTION,
}
_TABLE: Rules = {
    "AttributeDefinitions/*": (_weakened, "the type of an attribute changes"),
    "BillingMode": (_changed, "its capacity and its price change"),
    "SSESpecification/*": _ENCRYPTION,
    "StreamSpecification/*": (_weakened, "readers of its stream break"),
    "TimeToLiveSpecification/*": (_changed, "its items expire by another rule, or never"),
}
RULES: Mapping[str, Rules] = {
    # Data.
    "AWS::DynamoDB::GlobalTable": {
        **_TABLE,
        **{f"Replicas/*{path}": rule for path, rule in _REPLICA.items()},
        "Replicas/*/Region": (_weakened, "its copy in that region is deleted"),
    },
    "AWS::DynamoDB::Table": {**_TABLE, **{path[1:]: rule for path, rule in _REPLICA.items()}},
    "AWS::KMS::Key": {
        "Enabled": (_disabled, "what it has encrypted can't be read"),
        "KeySpec": (_changed, "it is another key, which can't decrypt what this one has encrypted"),
        "KeyUsage": (_changed, "it is another key, which can't decrypt what this one has encrypted"),
        "Origin": (_changed, "it is another key, which can't decrypt what this one has encrypted"),
    },
    "AWS::S3::Bucket": {
        "BucketEncryption/*": _ENCRYPTION,
        "LifecycleConfiguration/*/ExpirationInDays": (_earlier, "older objects are deleted"),
        "ObjectLock*": (_weakened, "objects can be deleted that are locked"),
        "VersioningConfiguration/Status": (_changed, "deleted objects stay, or are gone at once"),
    },
    "AWS::SQS::Queue": {
        "KmsMasterKeyId": _ENCRYPTION,
        "MessageRetentionPeriod": (_shorter_retention, "older messages are deleted"),
        "RedrivePolicy/deadLetterTargetArn": (_weakened, "dead letters go elsewhere, or are deleted"),
        "SqsManagedSseEnabled": _ENCRYPTION,
    },
    # Addresses.
    "AWS::ApiGatewayV2::Api": {"DisableExecuteApiEndpoint": (_enabled, "the API's own address, /execute-api, ends")},
    "AWS::ApiGatewayV2::ApiMapping": {"*": (_changed, "the domain leads elsewhere")},
    "AWS::ApiGatewayV2::DomainName": {
        "DomainNameConfigurations/*/CertificateArn": (_changed, "clients see another certificate"),
    },
    "AWS::CertificateManager::Certificate": {},
    "AWS::ElasticLoadBalancingV2::Listener": {
        "Certificates/*": (_weakened, "clients see another certificate"),
        "Port": (_changed, "clients that use the old port fail"),
        "Protocol": (_changed, "clients that use the old protocol fail"),
    },
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "LoadBalancerAttributes/deletion_protection.enabled/Value": (
            _no_longer_true,
            "nothing protects it from deletion",
        ),
    },
    "AWS::Route53::HostedZone": {},
    "AWS::Route53::RecordSet": {
        "Name": (_changed, "the old name is deleted"),
        "Type": (_changed, "the old record is deleted"),
    },
}
"""By type of resource. What a type has no rule for may change, unless that replaces the resource."""
