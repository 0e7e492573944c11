"""The alarms of the functions, the queues and the tables."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk.alerts import Alerts, Severity
from cdk.config import Config
from cdk.metrics import Metrics

_DLQ_DAYS = 7
"""Half of the time that SQS keeps a dead letter."""


class Alarms(Alerts):
    """One alarm for each risk to the guarantees; a release is judged by those of `of_a_release`."""

    def __init__(self, scope: Construct, name: str, config: Config, metrics: Metrics) -> None:
        super().__init__(scope, name, config)
        self._watch_queues(config, metrics)
        self._watch_functions(config, metrics)
        self._watch_groups(metrics)
        self._watch_latency(config, metrics)
        self.of_a_release = [*self._watch_workers(metrics), *self._watch_failures(metrics)]
        self.alarm(
            "ClockWrong",
            metrics.clock_refusals,
            at_least=1,
            for_minutes=2,
            means="The clock of a sandbox is wrong: it stores and reads nothing. Events wait; none is lost.",
        )
        for calls, metric in (
            ("Writes", metrics.throttled_writes),
            ("Reads", metrics.throttled_reads),
            ("Keys", metrics.throttled_keys),
            ("Groups", metrics.throttled_groups),
        ):
            self.alarm(
                f"Throttled{calls}",
                metric,
                at_least=10,
                for_minutes=3,
                means="DynamoDB refuses calls: a hot partition or the account's limit. Events wait; none is lost.",
            )

    def _watch_queues(self, config: Config, metrics: Metrics) -> None:
        self.alarm(
            "OldestMessage",
            metrics.oldest_message_seconds,
            at_least=config.oldest_message_alarm_seconds,
            for_minutes=3,
            means="Events wait: the worker is down, throttled, or slower than the incoming events.",
        )
        self.alarm(
            "DeadLetters",
            metrics.dead_letters,
            at_least=1,
            for_minutes=1,
            severity=Severity.TICKET,
            means="Events could not be stored and are in the DLQ: `triggers dlq list` shows why.",
        )
        self.alarm(
            "DeadLetterRate",
            metrics.dead_letters_added,
            at_least=20,
            for_minutes=3,
            means="The DLQ fills by the minute: a bad release, or a producer whose events can't be stored.",
        )
        self.alarm(
            "DeadLetterAge",
            metrics.oldest_dead_letter_seconds,
            at_least=_DLQ_DAYS * 86_400,
            for_minutes=3,
            means="A dead letter is a week old. SQS deletes it after another: redrive or save it.",
        )
        self.alarm(
            "MessagesDropped",
            metrics.messages_dropped,
            at_least=1,
            for_minutes=1,
            means="Lambda drops messages that the worker sends to its own queue: its recursion guard is on.",
        )

    def _watch_workers(self, metrics: Metrics) -> list[cloudwatch.Alarm]:
        return [
            self.alarm(
                "WorkerErrors",
                metrics.worker_errors,
                at_least=1,
                for_minutes=3,
                means="The worker's function fails as a whole: its settings, its memory or its time.",
            ),
            self.alarm(
                "NoWorker",
                metrics.nothing_is_processed,
                at_least=1,
                for_minutes=3,
                means="Events wait, and none is processed: no worker runs, or none can store.",
            ),
        ]

    def _watch_failures(self, metrics: Metrics) -> list[cloudwatch.Alarm]:
        return [
            self.alarm(
                f"{part}Failures",
                metric,
                at_least=5,
                for_minutes=3,
                means=f"{clients} get 5xx: {cause} does not respond, or there are no sandboxes left.",
            )
            for part, metric, clients, cause in (
                ("Ingest", metrics.ingest_failures, "Producers", "the queue or the key table"),
                ("Sources", metrics.sources_failures, "Senders of webhooks", "the queue or the table of sources"),
                ("Inbox", metrics.inbox_failures, "Consumers", "a table"),
                ("Groups", metrics.groups_failures, "Members of groups", "a table"),
            )
        ]

    def _watch_latency(self, config: Config, metrics: Metrics) -> None:
        for part, metric, at_least, means in (
            (
                "Ingest",
                metrics.ingest_p99_ms,
                config.ingest_p99_alarm_ms,
                "POST of a hundred: cold starts, or the queue",
            ),
            ("Inbox", metrics.inbox_p99_ms, config.inbox_p99_alarm_ms, "read of a hundred: cold starts, or the table"),
            (
                "Groups",
                metrics.groups_p99_ms,
                config.groups_p99_alarm_ms,
                "lease of a hundred: cold starts, or a table",
            ),
        ):
            self.alarm(
                f"{part}Slow",
                metric,
                at_least=at_least,
                for_minutes=5,
                severity=Severity.TICKET,
                means=f"Slow is one {means}.",
            )

    def _watch_groups(self, metrics: Metrics) -> None:
        self.alarm(
            "Quarantine",
            metrics.quarantined,
            at_least=1,
            for_minutes=1,
            severity=Severity.TICKET,
            means="Events failed in each attempt of their group and are in quarantine, until they are released.",
        )
        self.alarm(
            "LeasesLost",
            metrics.leases_lost,
            at_least=10,
            for_minutes=10,
            severity=Severity.TICKET,
            means="Members take longer than their leases last: other members receive their events again.",
        )

    def _watch_functions(self, config: Config, metrics: Metrics) -> None:
        for name, metric in metrics.throttles.items():
            self.alarm(
                f"{name.capitalize()}Throttles",
                metric,
                at_least=10,
                for_minutes=3,
                means="Lambda refuses invocations: the function has no more concurrent sandboxes.",
            )
        self.alarm(
            "Concurrency",
            metrics.account_sandboxes,
            at_least=0.8 * config.account_concurrency,
            for_minutes=3,
            severity=Severity.TICKET,
            means="80 % of the account's sandboxes are busy: raise the quota before it is reached.",
        )
