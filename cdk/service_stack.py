"""Services: four functions of one bundle, the HTTP API in front of three of them, alarms and a dashboard."""

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.alarms import Alarms
from cdk.budget import Budget
from cdk.config import MAX_API_SECONDS, Config
from cdk.dashboard import Dashboard
from cdk.data_stack import DataStack
from cdk.functions import Function
from cdk.http_api import HttpApi
from cdk.metrics import Metrics
from cdk.permissions import allow_groups, allow_inbox, allow_ingest
from cdk.release import Release
from cdk.worker import Worker

_MAX_WAIT_SECONDS = 2


class ServiceStack(Stack):
    """The resources that a release replaces. It can be deleted and created again without losing an event."""

    def __init__(
        self, scope: Construct, name: str, config: Config, data: DataStack, code: lambda_.Code, **stack: object
    ) -> None:
        super().__init__(
            scope,
            name,
            description="Triggers: functions, HTTP API, alarms and dashboard",
            **stack,
        )
        self.data = data
        environment = data.environment(config)
        # A request that waits occupies a sandbox, and is billed for it.
        waiting = environment | {"MAX_WAIT_SECONDS": str(_MAX_WAIT_SECONDS)}
        self.ingest = Function(
            self,
            "Ingest",
            config,
            handler="ingest.lambda_handler.handler",
            code=code,
            environment=environment,
            memory_mb=config.ingest_memory_mb,
            timeout_seconds=MAX_API_SECONDS,
            warm=config.ingest_warm,
            reserved=config.ingest_concurrency if config.reserve_concurrency else None,
        )
        allow_ingest(self.ingest.role, data)
        self.inbox = Function(
            self,
            "Inbox",
            config,
            handler="worker.inbox.lambda_handler.handler",
            code=code,
            environment=waiting,
            memory_mb=config.inbox_memory_mb,
            timeout_seconds=MAX_API_SECONDS,
            reserved=config.inbox_concurrency if config.reserve_concurrency else None,
        )
        allow_inbox(self.inbox.role, data)
        self.groups = Function(
            self,
            "Groups",
            config,
            handler="worker.groups.lambda_handler.handler",
            code=code,
            environment=waiting,
            memory_mb=config.groups_memory_mb,
            timeout_seconds=MAX_API_SECONDS,
            reserved=config.groups_concurrency if config.reserve_concurrency else None,
        )
        allow_groups(self.groups.role, data)
        self.worker = Worker(self, "Work", config, data, code)
        self.http = HttpApi(
            self, "Http", config, ingest=self.ingest.alias, inbox=self.inbox.alias, groups=self.groups.alias
        )
        functions = {
            "ingest": self.ingest,
            "inbox": self.inbox,
            "groups": self.groups,
            "worker": self.worker.function,
        }
        metrics = Metrics(data, self.http.api, functions)
        self.alarms = Alarms(self, "Alarms", config, metrics)
        Dashboard(self, "Dashboard", config, metrics, self.alarms)
        if config.monthly_budget_dollars:
            Budget(self, "Budget", config)
        if config.canary:
            Release(self, "Release", functions, self.alarms.of_a_release)
