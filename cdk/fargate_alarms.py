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
_MEMORY_PERCENT = 90


class FargateAlarms(Alerts):
    """What the alarms of the functions watch, for containers."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        config: Config,
        *,
        services: Mapping[str, Tasks],
        targets: Mapping[str, elb.ApplicationTargetGroup],
        balancer: elb.ApplicationLoadBalancer,
    ) -> None:
        """Watch `services` by name, and the `targets` of those that the load balancer reaches."""
        super().__init__(scope, name, config)
        least = {
            "Ingest": config.fargate_ingest_tasks[0],
            "Inbox": config.fargate_inbox_tasks[0],
            "Groups": config.fargate_groups_tasks[0],
            "Worker": config.fargate_worker_tasks[0],
        }
        slow_ms = {
            "Ingest": config.ingest_p99_alarm_ms,
            "Inbox": config.inbox_p99_alarm_ms + 1000 * _LONG_POLL_SECONDS,
            "Groups": config.groups_p99_alarm_ms + 1000 * _LONG_POLL_SECONDS,
        }
        for part, tasks in services.items():
            self._watch_tasks(part, tasks, least[part])
        for part, target in targets.items():
            self._watch_target(part, target, slow_ms[part])
        self.alarm(
            "BalancerFailures",
            balancer.metrics.http_code_elb(elb.HttpCodeElb.ELB_5XX_COUNT, period=_MINUTE, statistic="Sum"),
            at_least=5,
            for_minutes=3,
            means="The load balancer answers 5xx: no task is healthy, or tasks do not answer in time.",
        )

    def _watch_tasks(self, part: str, tasks: Tasks, least: int) -> None:
        running = cloudwatch.Metric(
            namespace="ECS/ContainerInsights",
            metric_name="RunningTaskCount",
            dimensions_map={
                "ClusterName": tasks.service.cluster.cluster_name,
                "ServiceName": tasks.service.service_name,
            },
            statistic="Minimum",
            period=_MINUTE,
        )
        self.alarm(
            "WorkersMissing" if part == "Worker" else f"{part}TasksMissing",
            cloudwatch.MathExpression(
                expression=f"FILL(running, 0) < {least}",
                using_metrics={"running": running},
                period=_MINUTE,
                label="fewer tasks than wanted",
            ),
            at_least=1,
            for_minutes=5,
            no_data_is_bad=True,
            means="Fewer tasks run than wanted, or none. Without workers, events wait.",
        )
        self.alarm(
            f"{part}TasksMemory",
            tasks.service.metric_memory_utilization(period=_MINUTE, statistic="Maximum"),
            at_least=_MEMORY_PERCENT,
            for_minutes=5,
            severity=Severity.TICKET,
            means=f"A task uses {_MEMORY_PERCENT} % of its memory. At 100 % it ends, with its requests in progress.",
        )

    def _watch_target(self, part: str, target: elb.ApplicationTargetGroup, slow_ms: int) -> None:
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
            at_least=slow_ms / 1000,
            for_minutes=5,
            severity=Severity.TICKET,
            means="One request of a hundred takes this long. Long polls take 20 s.",
        )
