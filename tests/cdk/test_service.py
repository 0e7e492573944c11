"""What serves: functions, event source, HTTP API, log groups."""

import importlib.util
import json
from collections.abc import Callable

import pytest

from cdk import config
from tests.cdk.conftest import CERTIFICATE, Assembly


def test_functions_run_the_bundle_on_arm_with_its_python(each: Assembly) -> None:
    functions = each.properties("Lambda::Function", "Service")
    assert len(functions) == 4
    assert {one["Runtime"] for one in functions} == {"python3.13"}
    assert {tuple(one["Architectures"]) for one in functions} == {("arm64",)}
    assert len({json.dumps(one["Code"]) for one in functions}) == 1


def test_handlers_exist(each: Assembly) -> None:
    handlers = {one["Handler"] for one in each.properties("Lambda::Function", "Service")}
    assert handlers == {
        "ingest.lambda_handler.handler",
        "worker.inbox.lambda_handler.handler",
        "worker.groups.lambda_handler.handler",
        "worker.commit.lambda_handler.handler",
    }
    assert all(importlib.util.find_spec(one.rpartition(".")[0]) for one in handlers)


def test_messages_are_invisible_for_six_times_the_batch_timeout(each: Assembly) -> None:
    (worker,) = [one for one in each.properties("Lambda::Function") if one["Handler"].startswith("worker.commit.")]
    (source,) = each.properties("Lambda::EventSourceMapping")
    hidden = {one["VisibilityTimeout"] for one in each.properties("SQS::Queue")}
    assert hidden == {6 * worker["Timeout"] + source.get("MaximumBatchingWindowInSeconds", 0)}


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_worker_retries_only_failed_messages_and_has_a_concurrency_limit(
    name: str, assembly: Callable[[str], Assembly]
) -> None:
    (source,) = assembly(name).properties("Lambda::EventSourceMapping")
    stage = config.stage(name)
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": stage.worker_concurrency}
    assert source["BatchSize"] == stage.worker_batch_messages == 10
    assert "MaximumBatchingWindowInSeconds" not in source  # a window may wait for 20 s on a quiet queue


def of_part(made: Assembly, field: str) -> dict[str, object]:
    """Return a field of each function's properties."""
    functions = made.properties("Lambda::Function", "Service")
    return {one["Handler"].removesuffix(".lambda_handler.handler"): one.get(field) for one in functions}


def test_only_the_worker_may_send_to_its_own_queue_again_and_again(each: Assembly) -> None:
    assert of_part(each, "RecursiveLoop") == {
        "ingest": "Terminate",
        "worker.inbox": "Terminate",
        "worker.commit": "Allow",
        "worker.groups": "Terminate",
    }


def test_in_production_no_function_takes_the_sandboxes_of_another(prod: Assembly, dev: Assembly) -> None:
    stage = config.stage("prod")
    assert of_part(prod, "ReservedConcurrentExecutions") == {
        "ingest": stage.ingest_concurrency,
        "worker.inbox": stage.inbox_concurrency,
        "worker.commit": stage.worker_concurrency,
        "worker.groups": stage.groups_concurrency,
    }
    assert set(of_part(dev, "ReservedConcurrentExecutions").values()) == {None}  # a new account has only 10


def test_long_polls_are_short_where_each_occupies_a_sandbox(each: Assembly) -> None:
    environments = {
        one["Handler"].removesuffix(".lambda_handler.handler"): one["Environment"]["Variables"]
        for one in each.properties("Lambda::Function", "Service")
    }
    waits = {name: variables.get("MAX_WAIT_SECONDS") for name, variables in environments.items()}
    assert waits == {"ingest": None, "worker.inbox": "2", "worker.commit": None, "worker.groups": "2"}


def test_reads_go_to_the_inbox_groups_to_groups_and_all_else_to_ingest(each: Assembly) -> None:
    integrations = {
        name: next(
            part for part in ("Inbox", "Groups", "Ingest") if part in json.dumps(one["Properties"]["IntegrationUri"])
        )
        for name, one in each.templates["Service"]["Resources"].items()
        if one["Type"] == "AWS::ApiGatewayV2::Integration"
    }
    routes = {
        one["RouteKey"]: next(to for name, to in integrations.items() if name in json.dumps(one["Target"]))
        for one in each.properties("ApiGatewayV2::Route")
    }
    assert routes == {
        "POST /v1/events": "Ingest",
        "POST /v1/acks": "Ingest",
        "DELETE /v1/events": "Ingest",
        "DELETE /v1/events/{id+}": "Ingest",
        "POST /v1/in/{token}": "Ingest",
        "OPTIONS /v1/in/{token}": "Ingest",
        "GET /{path+}": "Inbox",
        "HEAD /{path+}": "Inbox",
        "$default": "Ingest",
        **{
            f"{method} {path}": "Groups"
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE")
            for path in ("/v1/leases", "/v1/leases/{path+}", "/v1/groups", "/v1/groups/{path+}")
        },
    }
    assert {one["PayloadFormatVersion"] for one in each.properties("ApiGatewayV2::Integration")} == {"2.0"}


def test_the_api_has_limits_metrics_and_a_log(prod: Assembly) -> None:
    (stage,) = prod.properties("ApiGatewayV2::Stage")
    wanted = config.stage("prod")
    assert stage["DefaultRouteSettings"] == {
        "DetailedMetricsEnabled": True,
        "ThrottlingBurstLimit": wanted.api_burst,
        "ThrottlingRateLimit": wanted.api_rate_per_second,
    }
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"request_id", "status", "error"} <= logged.keys()


def test_a_function_ends_before_the_api_gives_up(each: Assembly) -> None:
    functions = each.properties("Lambda::Function", "Service")
    assert all(
        one["Timeout"] < 30 for one in functions if not one["Handler"].startswith("worker.commit.lambda_handler")
    )


@pytest.mark.parametrize(("stage", "days"), [("dev", 7), ("prod", 90)])
def test_logs_expire(stage: str, days: int, dev: Assembly, prod: Assembly) -> None:
    groups = {"dev": dev, "prod": prod}[stage].properties("Logs::LogGroup")
    assert {one["RetentionInDays"] for one in groups} == {days}
    assert len(groups) == 5


def test_traffic_goes_through_aliases(each: Assembly) -> None:
    assert {one["Name"] for one in each.properties("Lambda::Alias")} == {"live"}
    for kind, name in (("Lambda::EventSourceMapping", "FunctionName"), ("ApiGatewayV2::Integration", "IntegrationUri")):
        assert all("Live" in json.dumps(one[name]) for one in each.properties(kind))


def test_in_production_a_release_is_a_canary_with_rollback(prod: Assembly, dev: Assembly) -> None:
    groups = prod.properties("CodeDeploy::DeploymentGroup")
    assert len(groups) == 4
    for group in groups:
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        judged = {one["Name"]["Ref"].removeprefix("Alarms")[:-8] for one in group["AlarmConfiguration"]["Alarms"]}
        failures = {f"{part}Failures" for part in ("Ingest", "Sources", "Inbox", "Groups")}
        assert judged == {*failures, "WorkerErrors", "NoWorker"}
    assert all("CodeDeployLambdaAliasUpdate" in one["UpdatePolicy"] for one in prod.all("Lambda::Alias"))
    assert not dev.all("CodeDeploy::DeploymentGroup")


def test_some_sandboxes_are_kept_warm_in_production(prod: Assembly, dev: Assembly) -> None:
    def warm(made: Assembly) -> list[int]:
        found = [one.get("ProvisionedConcurrencyConfig") for one in made.properties("Lambda::Alias")]
        return [one["ProvisionedConcurrentExecutions"] for one in found if one]

    assert warm(prod) == [config.stage("prod").ingest_warm]
    assert warm(dev) == []


def test_an_api_with_a_domain_is_reached_by_that_alone(fargate: Assembly, prod: Assembly) -> None:
    (domain,) = fargate.properties("ApiGatewayV2::DomainName")
    (one,) = domain["DomainNameConfigurations"]
    assert (domain["DomainName"], one["CertificateArn"]) == ("events.example.com", CERTIFICATE)
    (api,) = fargate.properties("ApiGatewayV2::Api")
    assert api["DisableExecuteApiEndpoint"] is True
    assert not prod.all("ApiGatewayV2::DomainName")
