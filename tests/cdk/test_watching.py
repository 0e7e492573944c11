"""Alarms and dashboard."""

import json
from typing import Any

from cdk import config
from tests.cdk.conftest import Assembly


def alarms(made: Assembly) -> dict[str, Any]:
    found = made.templates["Service"]["Resources"]
    return {
        name.removeprefix("Alarms")[:-8]: one["Properties"]
        for name, one in found.items()
        if one["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_each_risk_has_an_alarm(each: Assembly) -> None:
    watched = {name: (one["Namespace"], one["MetricName"]) for name, one in alarms(each).items()}
    assert watched == {
        "OldestMessage": ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        "DeadLetters": ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        "WorkerErrors": ("AWS/Lambda", "Errors"),
        "IngestFailures": ("AWS/ApiGateway", "5xx"),
        "IngestSlow": ("AWS/ApiGateway", "Latency"),
        "ThrottledWrites": ("AWS/DynamoDB", "WriteThrottleEvents"),
        "ThrottledReads": ("AWS/DynamoDB", "ReadThrottleEvents"),
        "ThrottledKeys": ("AWS/DynamoDB", "ReadThrottleEvents"),
        "ThrottledGroups": ("AWS/DynamoDB", "WriteThrottleEvents"),
    }


def test_thresholds_come_from_the_stage(prod: Assembly) -> None:
    stage, found = config.STAGES["prod"], alarms(prod)
    assert found["OldestMessage"]["Threshold"] == stage.oldest_message_alarm_seconds
    assert found["IngestSlow"]["Threshold"] == stage.ingest_p99_alarm_ms
    assert found["IngestSlow"]["ExtendedStatistic"] == "p99"
    assert found["DeadLetters"]["Threshold"] == 1


def test_alarms_notify_the_topic_when_they_start_and_end(each: Assembly) -> None:
    for alarm in alarms(each).values():
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert "Topic" in json.dumps(alarm["AlarmActions"])
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmDescription"]


def test_an_address_is_subscribed_where_one_is_given(fargate: Assembly, prod: Assembly) -> None:
    assert [one["Endpoint"] for one in fargate.properties("SNS::Subscription")] == ["a@b.example"]
    assert not prod.all("SNS::Subscription")


def test_the_dashboard_shows_what_the_alarms_watch(each: Assembly) -> None:
    (dashboard,) = each.properties("CloudWatch::Dashboard")
    body = json.dumps(dashboard["DashboardBody"])
    for alarm in alarms(each).values():
        assert alarm["MetricName"] in body
    assert body.count("Fn::GetAtt") >= len(alarms(each))
