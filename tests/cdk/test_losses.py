"""What a deployment would lose: found in pairs of templates, and explained."""

import json
from collections.abc import Callable
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any

import msgspec
import pytest

from cdk import losses
from cdk.config import Config
from cdk.loss_rules import RULES
from cdk.losses import Loss, Stack
from tests.cdk.conftest import Assembly

PSEUDO = {"AWS::AccountId": "123456789012", "AWS::Partition": "aws", "AWS::Region": "eu-central-1"}
DOMAIN = "Triggers-prod-Service/HttpDomain"


def stacks(made: Assembly) -> dict[str, Stack]:
    protected = {
        name
        for name, one in json.loads((made.directory / "manifest.json").read_text())["artifacts"].items()
        if one["properties"].get("terminationProtection")
    }
    return {
        part: Stack(name=name, template=template, termination_protection=name in protected, pseudo=PSEUDO)
        for part, template in made.templates.items()
        for name in [f"Triggers-prod-{part}"]
    }


def lost(deployed: Assembly, wanted: Assembly) -> list[Loss]:
    before, after = stacks(deployed), stacks(wanted)
    return [loss for part in before.keys() & after.keys() for loss in losses.find(before[part], after[part])]


def lines(found: list[Loss]) -> set[str]:
    """Return the lines that permit the losses, without the hashes of logical ids."""
    return {one.line.replace(f"/{one.resource}/", f"/{one.resource[:-8]}/") for one in found}


def test_the_same_templates_lose_nothing(each: Assembly) -> None:
    assert lost(each, each) == []


def test_a_domain_that_is_dropped_is_lost_with_its_mapping(fargate: Assembly, prod: Assembly) -> None:
    found = lost(fargate, prod)
    assert sorted((one.kind, one.what, one.name) for one in found) == [
        ("AWS::ApiGatewayV2::ApiMapping", "removed", ""),
        ("AWS::ApiGatewayV2::DomainName", "removed", "events.example.com"),
    ]


def test_another_domain_replaces_the_first(assembly: Callable[[str], Assembly], fargate: Assembly) -> None:
    (found,) = lost(fargate, assembly("other_domain"))
    assert (found.deployed, found.wanted) == ("events.example.com", "other.example.com")
    assert lines([found]) == {f"{DOMAIN}/DomainName"}


def test_another_certificate_is_one_for_functions_and_containers(
    assembly: Callable[[str], Assembly], fargate: Assembly
) -> None:
    assert lines(lost(fargate, assembly("other_certificate"))) == {
        f"{DOMAIN}/DomainNameConfigurations/0/CertificateArn",
        "Triggers-prod-Fargate/NetworkBalancerHttps/Certificates/0/CertificateArn",
    }


def test_a_first_domain_ends_the_address_that_clients_use(prod: Assembly, fargate: Assembly) -> None:
    assert lines(lost(prod, fargate)) == {"Triggers-prod-Service/HttpApi/DisableExecuteApiEndpoint"}


def test_protection_that_is_dropped_is_lost_for_all_data_and_gaining_it_is_not(
    assembly: Callable[[str], Assembly], fargate: Assembly
) -> None:
    unprotected = assembly("unprotected")
    found = lines(lost(fargate, unprotected))
    holds_data = ["TablesApiKeys", "TablesEvents", "TablesGroups", "TablesSources", "TablesSourcesKey"]
    holds_data += ["QueuesEvents", "QueuesDeadLetters", "BodiesBucket"]
    balancer, logs = "Triggers-prod-Fargate/NetworkBalancer", "Triggers-prod-Fargate/NetworkAccessLogs"
    assert found == {
        "Triggers-prod-Data/TerminationProtection",
        f"{balancer}/LoadBalancerAttributes/deletion_protection.enabled/Value",
        *(f"{logs}/{what}" for what in ("DeletionPolicy", "UpdateReplacePolicy")),
        *(
            f"Triggers-prod-Data/{one}/{what}"
            for one in holds_data
            for what in ("DeletionPolicy", "UpdateReplacePolicy")
        ),
        *(
            f"Triggers-prod-Data/{one}/Replicas/eu-central-1/DeletionProtectionEnabled"
            for one in holds_data
            if one.startswith("Tables") and not one.endswith("Key")
        ),
    }
    assert lost(unprotected, fargate) == []


def changed(stack: Stack, resource: str, path: str, value: Any) -> tuple[Stack, str]:
    """Return `stack` with one value changed, or removed if it is None, and the logical id of the resource."""
    template = deepcopy(dict(stack.template))
    (logical_id,) = [one for one in template["Resources"] if one[:-8] == resource]
    *parents, last = path.split("/")
    place = template["Resources"][logical_id]
    for one in parents:
        place = place[int(one)] if isinstance(place, list) else place.setdefault(one, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return msgspec.structs.replace(stack, template=template), logical_id


_OTHER_KEY = [{"AttributeName": "other", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
_RECOVERY = "Properties/Replicas/0/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled"
_REPLICA = "Replicas/eu-central-1"


@pytest.mark.parametrize(
    ("resource", "path", "value", "whats"),
    [
        ("TablesEvents", "Properties/TableName", "other", {"TableName"}),
        ("TablesEvents", "Properties/KeySchema", _OTHER_KEY, {"KeySchema/pk/*", "KeySchema/other/*"}),
        (
            "TablesEvents",
            "Properties/AttributeDefinitions/0/AttributeType",
            "B",
            {"AttributeDefinitions/*/AttributeType"},
        ),
        ("TablesEvents", "Properties/BillingMode", "PROVISIONED", {"BillingMode"}),
        ("TablesEvents", "Properties/TimeToLiveSpecification/AttributeName", "other", {"TimeToLiveSpecification/*"}),
        ("TablesEvents", "Properties/TimeToLiveSpecification", None, {"TimeToLiveSpecification/*"}),
        ("TablesEvents", "Properties/SSESpecification/SSEEnabled", False, {"SSESpecification/SSEEnabled"}),
        ("TablesEvents", _RECOVERY, False, {f"{_REPLICA}/PointInTimeRecoverySpecification/*"}),
        ("TablesEvents", "Properties/Replicas", [{"Region": "us-east-1"}], {f"{_REPLICA}/*"}),
        ("TablesEvents", "DeletionPolicy", "Delete", {"DeletionPolicy"}),
        ("TablesEvents", "Type", "AWS::DynamoDB::Table", {"Type"}),
        ("QueuesEvents", "Properties/FifoQueue", True, {"FifoQueue"}),
        ("QueuesEvents", "Properties/QueueName", "other", {"QueueName"}),
        ("QueuesEvents", "Properties/MessageRetentionPeriod", 86_400, {"MessageRetentionPeriod"}),
        ("QueuesEvents", "Properties/MessageRetentionPeriod", None, {"MessageRetentionPeriod"}),
        ("QueuesEvents", "Properties/RedrivePolicy", None, {"RedrivePolicy/deadLetterTargetArn"}),
        ("QueuesEvents", "Properties/SqsManagedSseEnabled", False, {"SqsManagedSseEnabled"}),
        ("BodiesBucket", "Properties/BucketName", "other", {"BucketName"}),
        ("BodiesBucket", "Properties/LifecycleConfiguration/Rules/0/ExpirationInDays", 1, {"*/ExpirationInDays"}),
        ("BodiesBucket", "Properties/VersioningConfiguration/Status", "Enabled", {"VersioningConfiguration/Status"}),
        ("BodiesBucket", "Properties/BucketEncryption", None, {"BucketEncryption/*"}),
        ("TablesSourcesKey", "Properties/Enabled", False, {"Enabled"}),
        ("TablesSourcesKey", "Properties/KeySpec", "RSA_2048", {"KeySpec"}),
    ],
)
def test_a_change_of_what_holds_data_is_a_loss(
    prod: Assembly, resource: str, path: str, value: Any, whats: set[str]
) -> None:
    data = stacks(prod)["Data"]
    wanted, logical_id = changed(data, resource, path, value)
    found = losses.find(data, wanted)
    assert found
    assert {one.resource for one in found} == {logical_id}
    for pattern in whats:
        assert any(fnmatchcase(one.what, pattern) for one in found), pattern
    assert all(any(fnmatchcase(one.what, pattern) for pattern in whats) for one in found)


@pytest.mark.parametrize("resource", ["TablesEvents", "QueuesDeadLetters", "BodiesBucket", "TablesSourcesKey"])
def test_what_holds_data_and_is_removed_is_a_loss(prod: Assembly, resource: str) -> None:
    data = stacks(prod)["Data"]
    resources = {name: one for name, one in data.template["Resources"].items() if name[:-8] != resource}
    (found,) = losses.find(data, msgspec.structs.replace(data, template={"Resources": resources}))
    assert (found.what, found.consequence) == ("removed", "it leaves the stack")


@pytest.mark.parametrize(
    ("resource", "path", "value"),
    [
        ("TablesEvents", "Properties/WriteOnDemandThroughputSettings", {"MaxWriteRequestUnits": 10}),
        ("TablesEvents", "Properties/StreamSpecification", {"StreamViewType": "KEYS_ONLY"}),
        ("QueuesEvents", "Properties/VisibilityTimeout", 1),
        ("QueuesEvents", "Properties/MessageRetentionPeriod", 2_000_000),
        ("BodiesBucket", "Properties/LifecycleConfiguration/Rules/0/ExpirationInDays", 1000),
        ("TablesSourcesKey", "Properties/Description", "other"),
    ],
)
def test_a_change_that_loses_nothing_passes(prod: Assembly, resource: str, path: str, value: Any) -> None:
    data = stacks(prod)["Data"]
    assert losses.find(data, changed(data, resource, path, value)[0]) == []


def test_each_type_with_rules_is_one_that_cloudformation_has() -> None:
    assert all(isinstance(losses.replacing(kind), tuple) for kind in RULES)
    assert {"TableName", "KeySchema"} <= set(losses.replacing("AWS::DynamoDB::GlobalTable"))


def test_the_explanation_names_each_resource_and_the_lines_that_permit_the_change(
    assembly: Callable[[str], Assembly], fargate: Assembly
) -> None:
    (loss,) = found = lost(fargate, assembly("other_domain"))
    text = losses.describe(found, "prod")
    assert f"Triggers-prod-Service: {loss.resource} AWS::ApiGatewayV2::DomainName events.example.com\n" in text
    assert 'DomainName: deployed "events.example.com", wanted "other.example.com"' in text
    permission = msgspec.toml.decode(text[text.index("accept_losses") :])
    assert msgspec.convert(permission, Config).accept_losses == (loss.line,)
