"""For sustained volume: the same apps and worker as containers behind a load balancer.

Lambda gives a sandbox one request at a time, so requests never share a call to SQS. In a container they do, but its CPU
is paid even when idle: it is cheaper from some tens of requests a second on. Opt in with `fargate = true`. It shares
the data stack, so both can serve at the same time, and DNS can move traffic between them.
"""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from cdk.config import Config
from cdk.containers import Containers
from cdk.data_stack import DataStack
from cdk.fargate_alarms import FargateAlarms
from cdk.network import Network
from cdk.permissions import allow_groups, allow_inbox, allow_ingest, allow_worker
from cdk.tasks import Tasks


class FargateStack(Stack):
    """Network, load balancer, and four services of one image."""

    def __init__(self, scope: Construct, name: str, config: Config, data: DataStack, **stack: object) -> None:
        """Raise `ValueError` if `config` names no certificate: it accepts only TLS."""
        super().__init__(
            scope,
            name,
            description="Triggers: containers for sustained volume",
            **stack,
        )
        if config.certificate_arn is None:
            raise ValueError("fargate needs a domain and a certificate_arn")
        self.network = Network(self, "Network", config)
        containers = Containers(self, "Containers", config, data, self.network.vpc)
        self.ingest = containers.serve("Ingest", "ingest", config.fargate_ingest_tasks)
        allow_ingest(self.ingest.role, data)
        self.inbox = containers.serve("Inbox", "inbox", config.fargate_inbox_tasks)
        allow_inbox(self.inbox.role, data)
        self.groups = containers.serve("Groups", "groups", config.fargate_groups_tasks)
        allow_groups(self.groups.role, data)
        self.worker = containers.work("Worker", config.fargate_worker_tasks)
        allow_worker(self.worker.role, data)
        certificate = certificates.Certificate.from_certificate_arn(self, "Certificate", config.certificate_arn)
        targets = {
            "Ingest": self._target("IngestTarget", self.ingest),
            "Inbox": self._target("InboxTarget", self.inbox),
            "Groups": self._target("GroupsTarget", self.groups),
        }
        self._listen(certificate, targets)
        services = {"Ingest": self.ingest, "Inbox": self.inbox, "Groups": self.groups, "Worker": self.worker}
        FargateAlarms(self, "Alarms", config, services=services, targets=targets, balancer=self.network.balancer)
        CfnOutput(self, "DomainTarget", value=self.network.balancer.load_balancer_dns_name)

    def _listen(
        self, certificate: certificates.ICertificate, targets: Mapping[str, elb.ApplicationTargetGroup]
    ) -> None:
        listener = self.network.balancer.add_listener(
            "Https",
            port=443,
            certificates=[elb.ListenerCertificate.from_certificate_manager(certificate)],
            ssl_policy=elb.SslPolicy.RECOMMENDED_TLS,
            default_action=elb.ListenerAction.forward([targets["Ingest"]]),
        )
        listener.add_action(
            "Groups",
            priority=1,
            conditions=[elb.ListenerCondition.path_patterns(["/v1/leases*", "/v1/groups*"])],
            action=elb.ListenerAction.forward([targets["Groups"]]),
        )
        listener.add_action(
            "Reads",
            priority=2,
            conditions=[elb.ListenerCondition.http_request_methods(["GET", "HEAD"])],
            action=elb.ListenerAction.forward([targets["Inbox"]]),
        )

    def _target(self, name: str, tasks: Tasks) -> elb.ApplicationTargetGroup:
        return tasks.target(name, self.network.vpc)
