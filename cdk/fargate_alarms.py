"""The alarms of the containers and their load balancer; those of queues and tables are in the service stack."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from cdk.alerts import Alerts, Severity
from cdk.config import Config
from cdk.tasks import Tasks

_MINUTE = Duration.minutes(1)
_LONG_POLL_SECONDS = 20


class FargateAlarms(Alerts):
    """What the alarms of the functions watch, for containers."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        config: Config,
        *,
        targets: Mapping[str, elb.ApplicationTargetGroup],
        balancer: elb.ApplicationLoadBalancer,
        worker: Tasks,
    ) -> None:
        super().__init__(scope, name, config)
        slow_ms = {"Ingest": config.ingest_p99_alarm_ms, "Inbox": config.inbox_p99_alarm_ms}
        for part, target in targets.items():
            self._watch(part, target, slow_ms[part])
        self.alarm(
            "BalancerFailures",
            balancer.metrics.http_code_elb(elb.HttpCodeElb.ELB_5XX_COUNT, period=_MINUTE, statistic="Sum"),
            at_least=5,
            for_minutes=3,
            means="The load balancer answers 5xx: no task is healthy, or tasks do not answer in time.",
        )
        running = cloudwatch.Metric(
            namespace="ECS/ContainerInsights",
            metric_name="RunningTaskCount",
            dimensions_map={
                "ClusterName": worker.service.cluster.cluster_name,
                "ServiceName": worker.service.service_name,
            },
            statistic="Minimum",
            period=_MINUTE,
        )
        self.alarm(
            "WorkersMissing",
            cloudwatch.MathExpression(
                expression=f"FILL(running, 0) < {config.fargate_worker_tasks[0]}",
                using_metrics={"running": running},
                period=_MINUTE,
                label="fewer workers than wanted",
            ),
            at_least=1,
            for_minutes=5,
            no_data_is_bad=True,
            means="Fewer workers run than wanted, or none: events wait.",
        )

    def _watch(self, part: str, target: elb.ApplicationTargetGroup, slow_ms: int) -> None:
        self.alarm(
            f"{part}TaskFailures",
            target.metrics.http_code_target(elb.HttpCodeTarget.TARGET_5XX_COUNT, period=_MINUTE, statistic="Sum"),
            at_least=5,
            for_minutes=3,
            means="Clients get 5xx from tasks: the queue or a table does not respond.",
        )
        self.alarm(
            f"{part}TasksUnhealthy",
            target.metrics.unhealthy_host_count(period=_MINUTE, statistic="Maximum"),
            at_least=1,
            for_minutes=5,
            means="A task fails its health check: its settings, or the queue or a table does not respond.",
        )
        self.alarm(
            f"{part}TasksSlow",
            target.metrics.target_response_time(period=_MINUTE, statistic="p99"),
            at_least=slow_ms / 1000 + (_LONG_POLL_SECONDS if part == "Inbox" else 0),
            for_minutes=5,
            severity=Severity.TICKET,
            means="One request of a hundred takes this long. Long polls take 20 s.",
        )
