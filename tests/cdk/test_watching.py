"""Alarms and dashboard."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cdk import config
from shared.telemetry.catalog import Metrics
from shared.telemetry.cloudwatch import Since
from tests.cdk.conftest import Assembly


def alarms(made: Assembly, stack: str = "Service") -> dict[str, Any]:
    found = made.templates[stack]["Resources"]
    return {
        name.removeprefix("Alarms")[:-8]: one["Properties"]
        for name, one in found.items()
        if one["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_each_risk_has_an_alarm(each: Assembly) -> None:
    watched = {name: (one["Namespace"], one["MetricName"]) for name, one in alarms(each).items() if "Namespace" in one}
    assert watched == {
        "OldestMessage": ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        "DeadLetters": ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        "WorkerErrors": ("AWS/Lambda", "Errors"),
        "IngestFailures": ("AWS/ApiGateway", "5xx"),
        "SourcesFailures": ("AWS/ApiGateway", "5xx"),
        "GroupsFailures": ("AWS/ApiGateway", "5xx"),
        "IngestSlow": ("AWS/ApiGateway", "Latency"),
        "InboxFailures": ("AWS/ApiGateway", "5xx"),
        "InboxSlow": ("AWS/ApiGateway", "Latency"),
        "GroupsSlow": ("AWS/ApiGateway", "Latency"),
        "DeadLetterAge": ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        "MessagesDropped": ("AWS/Lambda", "RecursiveInvocationsDropped"),
        "IngestThrottles": ("AWS/Lambda", "Throttles"),
        "InboxThrottles": ("AWS/Lambda", "Throttles"),
        "GroupsThrottles": ("AWS/Lambda", "Throttles"),
        "WorkerThrottles": ("AWS/Lambda", "Throttles"),
        "Concurrency": ("AWS/Lambda", "ConcurrentExecutions"),
        "ThrottledWrites": ("AWS/DynamoDB", "WriteThrottleEvents"),
        "ThrottledReads": ("AWS/DynamoDB", "ReadThrottleEvents"),
        "ThrottledKeys": ("AWS/DynamoDB", "ReadThrottleEvents"),
        "ThrottledGroups": ("AWS/DynamoDB", "WriteThrottleEvents"),
        "Quarantine": ("Triggers", "triggers_group_events_total_quarantined"),
        "LeasesLost": ("Triggers", "triggers_group_leases_lost_total"),
    }


def measured(alarm: Any) -> list[Any]:
    """Return the metrics of an alarm on an expression, or of one on a metric."""
    if "Metrics" not in alarm:
        return [alarm]
    return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]


def dimensions(metric: Any) -> dict[str, Any]:
    return {one["Name"]: one["Value"] for one in metric["Dimensions"]}


def test_failures_and_latency_are_watched_by_routes_that_exist(each: Assembly) -> None:
    found = alarms(each)
    watched: dict[str, set[str]] = {}
    for name, alarm in found.items():
        for metric in measured(alarm):
            if metric["Namespace"] == "AWS/ApiGateway":
                route = dimensions(metric)
                watched.setdefault(name, set()).add(f"{route['Method']} {route['Resource']}")
    assert watched == {
        "IngestFailures": {"POST /v1/events"},
        "SourcesFailures": {"POST /v1/in/{token}"},
        "IngestSlow": {"POST /v1/events"},
        "InboxFailures": {"GET /{path+}"},
        "InboxSlow": {"GET /{path+}"},
        "GroupsFailures": {"POST /v1/leases"},
        "GroupsSlow": {"POST /v1/leases"},
    }
    routes = {one["RouteKey"] for one in each.properties("ApiGatewayV2::Route")}
    assert set[str]().union(*watched.values()) <= routes


def test_dead_workers_are_noticed_by_what_sqs_reports(each: Assembly) -> None:
    found = alarms(each)
    for name, metrics in (
        ("NoWorker", {"ApproximateNumberOfMessagesVisible", "NumberOfMessagesDeleted"}),
        ("OldestMessage", {"ApproximateAgeOfOldestMessage"}),
    ):
        watched = measured(found[name])
        assert {one["MetricName"] for one in watched} == metrics
        assert {one["Namespace"] for one in watched} == {"AWS/SQS"}
        assert all("QueuesEvents" in json.dumps(dimensions(one)["QueueName"]) for one in watched)
    (expression,) = [one["Expression"] for one in found["NoWorker"]["Metrics"] if "Expression" in one]
    assert expression == "IF(waiting > 0 AND FILL(deleted, 0) < 1, 1, 0)"
    assert found["NoWorker"]["EvaluationPeriods"] == 3  # within the five minutes of a canary


def test_each_alarm_watches_the_resource_that_it_is_named_for(each: Assembly) -> None:
    found = alarms(each)
    for name, resource in (
        ("DeadLetters", "QueuesDeadLetters"),
        ("DeadLetterAge", "QueuesDeadLetters"),
        ("DeadLetterRate", "QueuesDeadLetters"),
        ("WorkerErrors", "WorkWorker"),
        ("MessagesDropped", "WorkWorker"),
        ("IngestThrottles", "Ingest"),
        ("InboxThrottles", "Inbox"),
        ("GroupsThrottles", "Groups"),
        ("WorkerThrottles", "WorkWorker"),
        ("ThrottledWrites", "TablesEvents"),
        ("ThrottledReads", "TablesEvents"),
        ("ThrottledKeys", "TablesApiKeys"),
        ("ThrottledGroups", "TablesGroups"),
    ):
        for metric in measured(found[name]):
            assert resource in json.dumps(metric["Dimensions"]), name
    assert "Dimensions" not in found["Concurrency"]  # of the whole account


def test_alarms_of_groups_watch_names_that_the_function_writes(dev: Assembly) -> None:
    metrics = Metrics()
    since = Since(metrics)
    metrics.group_events.of("quarantined").add()
    metrics.leases_lost.of().add()
    written = since.values()
    for name in ("Quarantine", "LeasesLost"):
        alarm = alarms(dev)[name]
        assert alarm["MetricName"] in written
        (dimension,) = alarm["Dimensions"]
        assert dimension["Name"] == "function"
        assert dimension["Value"]["Ref"].startswith("Groups")


def test_a_dlq_that_fills_is_an_alarm_of_its_own(each: Assembly) -> None:
    rate = alarms(each)["DeadLetterRate"]
    assert "DIFF(held)" in json.dumps(rate["Metrics"])
    assert rate["Threshold"] == 20


def test_containers_are_watched_as_functions_are(fargate: Assembly) -> None:
    found = {
        name: one
        for name, one in alarms(fargate, "Fargate").items()
        if not one["AlarmDescription"].endswith("scaling alarm")
    }
    elb, tasks = "AWS/ApplicationELB", "ECS/ContainerInsights"
    expected = {"BalancerFailures": (elb, "HTTPCode_ELB_5XX_Count"), "WorkersMissing": (tasks, "RunningTaskCount")}
    for part in ("Ingest", "Inbox", "Groups"):
        expected |= {
            f"{part}TaskFailures": (elb, "HTTPCode_Target_5XX_Count"),
            f"{part}TasksUnhealthy": (elb, "UnHealthyHostCount"),
            f"{part}TasksSlow": (elb, "TargetResponseTime"),
            f"{part}TasksMissing": (tasks, "RunningTaskCount"),
        }
    for part in ("Ingest", "Inbox", "Groups", "Worker"):
        expected[f"{part}TasksMemory"] = ("AWS/ECS", "MemoryUtilization")
    watched = {name: measured(one) for name, one in found.items()}
    assert {name: (one["Namespace"], one["MetricName"]) for name, (one,) in watched.items()} == expected
    for name, (one,) in watched.items():
        part = next((part for part in ("Ingest", "Inbox", "Groups", "Worker") if name.startswith(part)), "Balancer")
        assert part in json.dumps(one["Dimensions"]), name


def test_missing_tasks_are_noticed_without_any_data(fargate: Assembly) -> None:
    stage, found = config.stage("prod"), alarms(fargate, "Fargate")
    for name, (least, _) in (
        ("IngestTasksMissing", stage.fargate_ingest_tasks),
        ("InboxTasksMissing", stage.fargate_inbox_tasks),
        ("GroupsTasksMissing", stage.fargate_groups_tasks),
        ("WorkersMissing", stage.fargate_worker_tasks),
    ):
        assert found[name]["TreatMissingData"] == "breaching"  # with no task at all, there may be no data
        assert f"FILL(running, 0) < {least}" in [one.get("Expression") for one in found[name]["Metrics"]]


def test_long_polls_do_not_count_as_slow_tasks(fargate: Assembly) -> None:
    stage, found = config.stage("prod"), alarms(fargate, "Fargate")
    assert found["IngestTasksSlow"]["Threshold"] * 1000 == stage.ingest_p99_alarm_ms
    assert found["InboxTasksSlow"]["Threshold"] * 1000 == stage.inbox_p99_alarm_ms + 20_000
    assert found["GroupsTasksSlow"]["Threshold"] * 1000 == stage.groups_p99_alarm_ms + 20_000


def test_descriptions_say_how_urgent_it_is_and_where_to_read_on(fargate: Assembly) -> None:
    text = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    headings = [line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")]
    anchors = {name.strip().lower() for heading in headings for name in heading.split(",")}
    for stack in ("Service", "Fargate"):
        for name, alarm in alarms(fargate, stack).items():
            if alarm["AlarmDescription"].endswith("scaling alarm"):
                continue
            assert re.match(r"\[(page|ticket)\] [A-Z0-9]", alarm["AlarmDescription"])
            assert alarm["AlarmDescription"].endswith(f"Runbook: docs/operating.md#{name.lower()}")
            assert name.lower() in anchors, name


def test_a_budget_notifies_before_it_is_spent(assembly: Callable[..., Assembly]) -> None:
    made = assembly("limited")
    (budget,) = made.properties("Budgets::Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 100, "Unit": "USD"}
    notices = [
        (one["Notification"]["NotificationType"], one["Notification"]["Threshold"])
        for one in budget["NotificationsWithSubscribers"]
    ]
    assert notices == [("ACTUAL", 80), ("FORECASTED", 100)]
    assert {one["Subscribers"][0]["Address"] for one in budget["NotificationsWithSubscribers"]} == {"a@b.example"}
    assert not assembly("prod").all("Budgets::Budget")


def test_thresholds_come_from_the_stage(prod: Assembly) -> None:
    stage, found = config.stage("prod"), alarms(prod)
    assert found["OldestMessage"]["Threshold"] == stage.oldest_message_alarm_seconds
    assert found["IngestSlow"]["Threshold"] == stage.ingest_p99_alarm_ms
    assert found["IngestSlow"]["ExtendedStatistic"] == "p99"
    assert found["InboxSlow"]["Threshold"] == stage.inbox_p99_alarm_ms
    assert found["GroupsSlow"]["Threshold"] == stage.groups_p99_alarm_ms
    assert found["Concurrency"]["Threshold"] == 0.8 * stage.account_concurrency
    assert found["DeadLetters"]["Threshold"] == 1
    assert found["DeadLetterAge"]["Threshold"] == 7 * 86_400  # of the 14 that SQS keeps it


def test_alarms_notify_the_topic_when_they_start_and_end(each: Assembly) -> None:
    for alarm in alarms(each).values():
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert "Topic" in json.dumps(alarm["AlarmActions"])
        assert alarm["TreatMissingData"] == "notBreaching"  # without traffic there is no data
        assert alarm["AlarmDescription"]


def test_an_address_is_subscribed_where_one_is_given(fargate: Assembly, prod: Assembly) -> None:
    assert [one["Endpoint"] for one in fargate.properties("SNS::Subscription")] == ["a@b.example"] * 2
    assert not prod.all("SNS::Subscription")


def test_the_dashboard_shows_what_the_alarms_watch(each: Assembly) -> None:
    (dashboard,) = each.properties("CloudWatch::Dashboard")
    body = json.dumps(dashboard["DashboardBody"])
    for alarm in alarms(each).values():
        shown = [one["Expression"] for one in alarm.get("Metrics", ()) if "Expression" in one] or [alarm["MetricName"]]
        assert shown[0] in body
    assert body.count("Fn::GetAtt") >= len(alarms(each))
