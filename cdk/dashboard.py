"""A dashboard of a stage, from the client to the table, with its alarms."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk.alarms import Alarms
from cdk.config import Config
from cdk.metrics import Metrics

_WIDTH = 8  # of 24: three graphs a row


class Dashboard(Construct):
    """The metrics of the alarms, and those needed to explain an alarm."""

    def __init__(self, scope: Construct, name: str, config: Config, metrics: Metrics, alarms: Alarms) -> None:
        super().__init__(scope, name)
        watched = [one for one in alarms.node.children if isinstance(one, cloudwatch.Alarm)]
        cloudwatch.Dashboard(
            self,
            "Page",
            dashboard_name=f"triggers-{config.stage}",
            widgets=[
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=watched, width=24, height=3)],
                [
                    _graph("Requests a minute", metrics.requests, metrics.posts),
                    _graph(
                        "Failed POSTs, webhooks, reads and leases a minute",
                        metrics.ingest_failures,
                        metrics.sources_failures,
                        metrics.inbox_failures,
                        metrics.groups_failures,
                    ),
                    _graph(
                        "POST, read and lease p99 (ms)",
                        metrics.ingest_p99_ms,
                        metrics.inbox_p99_ms,
                        metrics.groups_p99_ms,
                    ),
                ],
                [
                    _graph(
                        "Age of the oldest message and dead letter (s)",
                        metrics.oldest_message_seconds,
                        metrics.oldest_dead_letter_seconds,
                    ),
                    _graph("Messages: sent, waiting", metrics.sent, metrics.waiting, metrics.nothing_is_processed),
                    _graph("Dead letters", metrics.dead_letters, metrics.dead_letters_added),
                ],
                [
                    _graph("Function p99 (ms)", *metrics.durations.values()),
                    _graph("Sandboxes at once", *metrics.sandboxes.values(), metrics.account_sandboxes),
                    _graph(
                        "Worker errors, dropped messages, refused invocations",
                        metrics.worker_errors,
                        metrics.messages_dropped,
                        *metrics.throttles.values(),
                    ),
                ],
                [
                    _graph("Write units a minute", metrics.written, metrics.group_writes),
                    _graph("Read units a minute", metrics.read),
                    _graph(
                        "Throttled calls",
                        metrics.throttled_writes,
                        metrics.throttled_reads,
                        metrics.throttled_keys,
                        metrics.throttled_groups,
                    ),
                ],
                [
                    _graph("Groups: quarantined events, lost leases", metrics.quarantined, metrics.leases_lost),
                    _graph("Refusals because of wrong clocks", metrics.clock_refusals),
                ],
            ],
        )


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=_WIDTH)
