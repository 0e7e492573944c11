"""The CDK app that is deployed to the emulator: that of `cdk.app`, on a bundle that this machine can run.

What differs from AWS: the emulator runs functions under its own Python, speaks no TLS, and takes no assumed deployment
roles. It is slow: many commits are answered late, and their events are moved.
"""

import platform
import sys
from pathlib import Path
from typing import cast

import aws_cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from msgspec.structs import replace

from cdk import app as deployment
from cdk import bundle, config, deployed, nag
from cdk.service_stack import ServiceStack

STAGE = replace(
    config.stage("dev"),
    enforce_tls=False,
    worker_timeout_seconds=20,
)


def main(compiler: str, events_table: str | None = None) -> None:
    """Synthesize, for the Python `compiler`, the emulator's; `events_table` is another name for the table of events."""
    python = Path(compiler).resolve().name.removeprefix("python")
    target = bundle.Target(platform=f"{platform.machine()}-manylinux2014", python=python)
    made = bundle.build(target, bundle.ROOT / "build", compiler=compiler)
    app = aws_cdk.App(default_stack_synthesizer=aws_cdk.CliCredentialsStackSynthesizer())
    code = lambda_.Code.from_asset(str(made), asset_hash=made.name)
    service = deployment.add_stacks(app, STAGE, code)
    _allow_what_the_emulator_asks(service)
    _remove_alarms_on_expressions(service)
    for rule in ("S10", "SNS3", "SQS4"):
        nag.acknowledge(app, rule, "The emulator speaks no TLS.")
    if events_table:
        table = service.data.tables.events.node.default_child
        cast("dynamodb.CfnGlobalTable", table).table_name = events_table
    deployed.check(Path(app.synth().directory), STAGE)


def _allow_what_the_emulator_asks(service: ServiceStack) -> None:
    """Give roles what the emulator asks for where AWS asks for something else, which they have.

    AWS takes `SendMessage` for `SendMessageBatch` too, and `PartiQLInsert` for a statement that inserts.
    """
    queues, worker = service.data.queues, service.worker.function.role
    for role, queue, *calls in (
        (service.ingest.role, queues.events, "SendMessage"),
        (service.groups.role, queues.events, "SendMessage"),
        (worker, queues.events, "SendMessage", "DeleteMessage", "ChangeMessageVisibility"),
        (worker, queues.dlq, "SendMessage"),
    ):
        actions = [f"sqs:{call}Batch" for call in calls]
        role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=[queue.queue_arn]))
    partiql = ["dynamodb:BatchExecuteStatement", "dynamodb:ExecuteStatement"]
    # It does not look into statements for their table either.
    worker.add_to_principal_policy(iam.PolicyStatement(actions=partiql, resources=["*"]))
    nag.acknowledge(worker, "IAM5[Resource::*]", "In the emulator alone.")


def _remove_alarms_on_expressions(service: ServiceStack) -> None:
    """Remove the alarms whose metric is an expression, which the emulator does not know."""
    for one in service.node.find_all():
        if isinstance(one, cloudwatch.CfnAlarm) and one.metric_name is None:
            alarm = one.node.scope
            assert alarm is not None
            assert alarm.node.scope is not None
            alarm.node.scope.node.try_remove_child(alarm.node.id)


if __name__ == "__main__":
    main(*sys.argv[1:])
