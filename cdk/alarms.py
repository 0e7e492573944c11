"""Alarms, and the topic that they notify."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from cdk.config import Config
from cdk.metrics import Metrics


class Alarms(Construct):
    """One alarm for each risk to the guarantees; all notify one topic."""

    def __init__(self, scope: Construct, name: str, config: Config, metrics: Metrics) -> None:
        super().__init__(scope, name)
        self.topic = sns.Topic(self, "Topic", enforce_ssl=config.enforce_tls or None)
        if config.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(config.alarm_email))
        self.oldest_message = self._alarm(
            "OldestMessage",
            metrics.oldest_message_seconds,
            at_least=config.oldest_message_alarm_seconds,
            for_minutes=3,
            means="Events wait: the worker is down, throttled, or slower than the incoming events.",
        )
        self.dead_letters = self._alarm(
            "DeadLetters",
            metrics.dead_letters,
            at_least=1,
            for_minutes=1,
            means="Events could not be stored and are in the DLQ: `triggers dlq list` shows why.",
        )
        self.worker_errors = self._alarm(
            "WorkerErrors",
            metrics.worker_errors,
            at_least=1,
            for_minutes=3,
            means="The worker's function fails as a whole: its settings, its memory or its time.",
        )
        self.ingest_failures = self._alarm(
            "IngestFailures",
            metrics.ingest_failures,
            at_least=5,
            for_minutes=3,
            means="Producers get 5xx: the queue or the key table does not respond, or there are no sandboxes left.",
        )
        self.ingest_slow = self._alarm(
            "IngestSlow",
            metrics.ingest_p99_ms,
            at_least=config.ingest_p99_alarm_ms,
            for_minutes=5,
            means="One POST of a hundred takes this long: cold starts, or a slow queue.",
        )
        self.throttled_tables = [
            self._alarm(
                f"Throttled{calls}",
                metric,
                at_least=10,
                for_minutes=3,
                means="DynamoDB refuses calls: a hot partition or the account's limit. Events wait; none is lost.",
            )
            for calls, metric in (
                ("Writes", metrics.throttled_writes),
                ("Reads", metrics.throttled_reads),
                ("Keys", metrics.throttled_keys),
                ("Groups", metrics.throttled_groups),
            )
        ]

    def _alarm(
        self, name: str, metric: cloudwatch.IMetric, *, at_least: float, for_minutes: int, means: str
    ) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=at_least,
            evaluation_periods=for_minutes,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # Without traffic there is no data.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=means,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
        return alarm
