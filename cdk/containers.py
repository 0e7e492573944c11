"""The services of one cluster: ingest and inbox scale on their CPU, the worker on the age of the oldest message."""

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as images
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from cdk.bundle import ROOT
from cdk.config import Config
from cdk.data_stack import DataStack
from cdk.tasks import Tasks

_BUSY_PERCENT = 50  # of a CPU; leaves room for twice the load while new tasks start


class Containers(Construct):
    """A cluster, and the image that all its tasks run."""

    def __init__(self, scope: Construct, name: str, config: Config, data: DataStack, vpc: ec2.IVpc) -> None:
        super().__init__(scope, name)
        self._config = config
        self._data = data
        self._cluster = ecs.Cluster(self, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED)
        # Built at deployment, not at synthesis.
        self._image = ecs.ContainerImage.from_asset(str(ROOT), platform=images.Platform.LINUX_ARM64)

    def serve(self, name: str, app: str, tasks: tuple[int, int]) -> Tasks:
        """Run `triggers serve APP`, between the minimum and maximum of `tasks`."""
        made = self._tasks(name, ["serve", app, "--host", "0.0.0.0"], port=8000, least=tasks[0])  # noqa: S104
        scaling = made.service.auto_scale_task_count(min_capacity=tasks[0], max_capacity=tasks[1])
        scaling.scale_on_cpu_utilization(
            "Cpu", target_utilization_percent=_BUSY_PERCENT, scale_in_cooldown=Duration.minutes(5)
        )
        return made

    def work(self, name: str, tasks: tuple[int, int]) -> Tasks:
        """Run `triggers worker`, between the minimum and maximum of `tasks`."""
        made = self._tasks(name, ["worker"], port=None, least=tasks[0])
        scaling = made.service.auto_scale_task_count(min_capacity=tasks[0], max_capacity=tasks[1])
        scaling.scale_on_metric(
            "Age",
            metric=self._data.queues.events.metric_approximate_age_of_oldest_message(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            # Age of the oldest message, in seconds. CPU is no measure: a worker mostly waits for the table.
            scaling_steps=[
                autoscaling.ScalingInterval(upper=5, change=-1),
                autoscaling.ScalingInterval(lower=30, change=+1),
                autoscaling.ScalingInterval(lower=120, change=+4),
            ],
            cooldown=Duration.minutes(2),
        )
        return made

    def _tasks(self, name: str, command: list[str], *, port: int | None, least: int) -> Tasks:
        return Tasks(
            self,
            name,
            self._config,
            cluster=self._cluster,
            image=self._image,
            command=command,
            environment={
                **self._data.environment(self._config),
                "METRICS_PORT": "9464",  # the load balancer does not reach it
                "MAX_CONNECTIONS_PER_ADDRESS": "0",  # all connections are the load balancer's
            },
            port=port,
            least=least,
        )
