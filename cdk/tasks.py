"""One service of containers: its task, role, log and health check."""

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk.config import Config
from cdk.log_groups import log_group
from cdk.nag import acknowledge

_CPU_UNITS = 1024  # one CPU: a process uses no more
_MEMORY_MB = 2048  # the minimum for one CPU on Fargate
_STOP_SECONDS = 30  # a worker finishes what it has received, for up to 20 s


class Tasks(Construct):
    """A service that replaces tasks one by one, and rolls back automatically if new ones don't become healthy."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        config: Config,
        *,
        cluster: ecs.ICluster,
        image: ecs.ContainerImage,
        command: list[str],
        environment: dict[str, str],
        port: int | None,
        least: int,
    ) -> None:
        super().__init__(scope, name)
        log = log_group(self, config, f"fargate-{name.lower()}")
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=_CPU_UNITS,
            memory_limit_mib=_MEMORY_MB,
            task_role=self.role,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )
        task.add_container(
            "Container",
            image=image,
            command=command,
            environment=environment,
            logging=ecs.LogDrivers.aws_logs(stream_prefix=name.lower(), log_group=log),
            readonly_root_filesystem=True,
            stop_timeout=Duration.seconds(_STOP_SECONDS),
            port_mappings=[ecs.PortMapping(container_port=port)] if port else None,
            health_check=ecs.HealthCheck(
                command=["CMD", "triggers", "ready", *([f"http://127.0.0.1:{port}"] if port else [])],
                interval=Duration.seconds(30),
                timeout=Duration.seconds(15),
                start_period=Duration.seconds(30),
            ),
        )
        acknowledge(task, "ECS2", "Names of queues and tables, and limits; nothing secret.")
        acknowledge(task, "IAM5[Resource::*]", "Pulling an image needs a token that ECR gives for no resource.")
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            desired_count=least,
            min_healthy_percent=100,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
        )

    def target(self, name: str, vpc: ec2.IVpc) -> elb.ApplicationTargetGroup:
        """Return the target group through which a load balancer reaches the tasks."""
        return elb.ApplicationTargetGroup(
            self,
            name,
            vpc=vpc,
            port=8000,
            protocol=elb.ApplicationProtocol.HTTP,
            targets=[self.service],
            health_check=elb.HealthCheck(path="/readyz", interval=Duration.seconds(15)),
            deregistration_delay=Duration.seconds(25),  # a long poll takes 20 s
        )
