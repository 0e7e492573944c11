"""The containers for sustained volume."""

from collections.abc import Mapping
from typing import Any

import aws_cdk
import pytest

from cdk import config
from cdk.data_stack import DataStack
from cdk.fargate_stack import FargateStack
from cli.commands.serve import KEEP_ALIVE_SECONDS
from tests.cdk.conftest import Assembly


def test_the_stack_exists_only_on_request(fargate: Assembly, prod: Assembly) -> None:
    assert set(fargate.templates) == {"Data", "Service", "Fargate"}
    assert set(prod.templates) == {"Data", "Service"}


def test_four_services_run_one_image(fargate: Assembly) -> None:
    tasks = fargate.properties("ECS::TaskDefinition")
    definitions = [one["ContainerDefinitions"][0] for one in tasks]
    assert sorted(tuple(one["Command"]) for one in definitions) == [
        ("serve", "groups", "--host", "0.0.0.0"),  # noqa: S104 (within its own network)
        ("serve", "inbox", "--host", "0.0.0.0"),  # noqa: S104 (within its own network)
        ("serve", "ingest", "--host", "0.0.0.0"),  # noqa: S104 (the same)
        ("worker",),
    ]
    assert len({str(one["Image"]) for one in definitions}) == 1
    assert {one["RuntimePlatform"]["CpuArchitecture"] for one in tasks} == {"ARM64"}


def test_containers_are_read_only_and_have_health_checks(fargate: Assembly) -> None:
    for task in fargate.properties("ECS::TaskDefinition"):
        (one,) = task["ContainerDefinitions"]
        assert one["ReadonlyRootFilesystem"] is True
        assert one["StopTimeout"] == 30
        assert {"Name": "METRICS_PORT", "Value": "9464"} in one["Environment"]  # not the published port
        asked = ["CMD", "triggers", "ready"] + ([] if one["Command"] == ["worker"] else ["http://127.0.0.1:8000"])
        assert one["HealthCheck"]["Command"] == asked


def test_apis_scale_on_cpu_and_the_worker_on_the_queues_age(fargate: Assembly) -> None:
    policies = fargate.properties("ApplicationAutoScaling::ScalingPolicy")
    tracked = [one["TargetTrackingScalingPolicyConfiguration"] for one in policies if "Tracking" in one["PolicyType"]]
    assert [one["PredefinedMetricSpecification"]["PredefinedMetricType"] for one in tracked] == [
        "ECSServiceAverageCPUUtilization"
    ] * 3
    steps = [one for one in policies if one["PolicyType"] == "StepScaling"]
    assert {one["StepScalingPolicyConfiguration"]["AdjustmentType"] for one in steps} == {"ChangeInCapacity"}
    alarms = fargate.properties("CloudWatch::Alarm", "Fargate")
    watched = {one["MetricName"] for one in alarms if one["AlarmDescription"].endswith("scaling alarm")}
    assert watched == {"ApproximateAgeOfOldestMessage"}


def test_services_roll_back_if_new_tasks_are_not_healthy(fargate: Assembly) -> None:
    for service in fargate.properties("ECS::Service"):
        assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        assert service["DeploymentConfiguration"]["MinimumHealthyPercent"] == 100


def test_tasks_keep_connections_longer_than_the_balancer_does(fargate: Assembly) -> None:
    (balancer,) = fargate.properties("ElasticLoadBalancingV2::LoadBalancer")
    attributes = {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}
    assert int(attributes["idle_timeout.timeout_seconds"]) < KEEP_ALIVE_SECONDS


def test_only_tls_is_accepted(fargate: Assembly) -> None:
    (listener,) = fargate.properties("ElasticLoadBalancingV2::Listener")
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    assert "TLS13" in listener["SslPolicy"]
    rules = {
        one["Priority"]: one["Conditions"][0] for one in fargate.properties("ElasticLoadBalancingV2::ListenerRule")
    }
    assert rules[1]["PathPatternConfig"] == {"Values": ["/v1/leases*", "/v1/groups*"]}
    assert rules[2]["HttpRequestMethodConfig"] == {"Values": ["GET", "HEAD"]}
    assert {one["AssignPublicIp"] for one in networks(fargate)} == {"DISABLED"}


def test_the_balancer_sends_each_request_to_the_service_for_it(fargate: Assembly) -> None:
    services = {
        one["LoadBalancers"][0]["TargetGroupArn"]["Ref"]: one["TaskDefinition"]["Ref"]
        for one in fargate.properties("ECS::Service")
        if one.get("LoadBalancers")
    }
    (listener,) = fargate.properties("ElasticLoadBalancingV2::Listener")
    rules = {one["Priority"]: one for one in fargate.properties("ElasticLoadBalancingV2::ListenerRule")}
    for actions, part in (
        (listener["DefaultActions"], "Ingest"),
        (rules[1]["Actions"], "Groups"),
        (rules[2]["Actions"], "Inbox"),
    ):
        assert services[actions[0]["TargetGroupArn"]["Ref"]].startswith(f"Containers{part}Task")


def networks(made: Assembly) -> list[Mapping[str, Any]]:
    return [one["NetworkConfiguration"]["AwsvpcConfiguration"] for one in made.properties("ECS::Service")]


def test_a_certificate_is_required() -> None:
    app = aws_cdk.App()
    stage = config.stage("dev")
    data = DataStack(app, "Data", stage)
    with pytest.raises(ValueError, match="certificate_arn"):
        FargateStack(app, "Fargate", stage, data)
