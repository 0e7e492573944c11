"""One Lambda function: its code, role, log, and the alias that traffic goes to."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.config import Config
from cdk.log_groups import log_group
from cdk.nag import acknowledge


class Function(Construct):
    """A function of the bundle. Callers go through `alias`, which a release points to a new version."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        config: Config,
        *,
        handler: str,
        code: lambda_.Code,
        environment: dict[str, str],
        memory_mb: int,
        timeout_seconds: int,
        warm: int = 0,
        reserved: int | None = None,
        recursive: bool = False,
    ) -> None:
        """Add a function, with `reserved` sandboxes if given and no more; `recursive` if it sends to its own queue."""
        super().__init__(scope, name)
        log = log_group(self, config, name.lower())
        # Not the managed policy, which may write to every log group of the account.
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"Triggers {config.stage}: {name.lower()}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=handler,
            code=code,
            role=self.role,
            environment=environment,
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            log_group=log,
            reserved_concurrent_executions=reserved,
            # Lambda drops a message after 16 passes through functions, unless this is allowed.
            recursive_loop=lambda_.RecursiveLoop.ALLOW if recursive else lambda_.RecursiveLoop.TERMINATE,
        )
        self.alias = lambda_.Alias(
            self,
            "Live",
            alias_name="live",
            version=self.function.current_version,
            provisioned_concurrent_executions=warm or None,
        )
        acknowledge(self.function, "L1", "The runtime is the Python that the bundle is locked and compiled for.")
