"""Alarms that notify one topic."""

import enum

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from cdk.config import Config


class Severity(enum.Enum):
    """What an alarm asks for."""

    PAGE = "page"  # act now: clients fail, or events wait
    TICKET = "ticket"  # act within days


class Alerts(Construct):
    """A topic, and the alarms that notify it; each description has a severity and a link to the runbook."""

    def __init__(self, scope: Construct, name: str, config: Config) -> None:
        super().__init__(scope, name)
        self._runbook = config.runbook_url
        self.topic = sns.Topic(self, "Topic", enforce_ssl=config.enforce_tls or None)
        if config.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(config.alarm_email))

    def alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        at_least: float,
        for_minutes: int,
        means: str,
        severity: Severity = Severity.PAGE,
        no_data_is_bad: bool = False,
    ) -> cloudwatch.Alarm:
        """Add an alarm that fires once `metric` has been `at_least` this for some minutes."""
        missing = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=at_least,
            evaluation_periods=for_minutes,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # Without traffic there is no data.
            treat_missing_data=missing.BREACHING if no_data_is_bad else missing.NOT_BREACHING,
            alarm_description=f"[{severity.value}] {means} Runbook: {self._runbook}#{name.lower()}",
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
        return alarm
