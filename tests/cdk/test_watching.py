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
        "IngestSlow": ("AWS/ApiGateway", "Latency"),
        "InboxFailures": ("AWS/ApiGateway", "5xx"),
        "InboxSlow": ("AWS/ApiGateway", "Latency"),
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
    found = alarms(fargate, "Fargate")
    watched = {name: (one["Namespace"], one["MetricName"]) for name, one in found.items() if "Namespace" in one}
    elb = "AWS/ApplicationELB"
    expected = {"BalancerFailures": (elb, "HTTPCode_ELB_5XX_Count")}
    for part in ("Ingest", "Inbox"):
        expected |= {
            f"{part}TaskFailures": (elb, "HTTPCode_Target_5XX_Count"),
            f"{part}TasksUnhealthy": (elb, "UnHealthyHostCount"),
            f"{part}TasksSlow": (elb, "TargetResponseTime"),
        }
    assert {name: one for name, one in watched.items() if name in expected} == expected
    workers = found["WorkersMissing"]
    assert workers["TreatMissingData"] == "breaching"  # with no worker at all, there may be no data
    assert "RunningTaskCount" in json.dumps(workers["Metrics"])


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
    assert found["DeadLetters"]["Threshold"] == 1


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
        assert alarm.get("MetricName", "DIFF(held)") in body
    assert body.count("Fn::GetAtt") >= len(alarms(each))
