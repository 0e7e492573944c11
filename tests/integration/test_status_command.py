"""`triggers status` on queues, tables and a bucket in the emulator."""

import asyncio
from typing import Any

import msgspec
from click.testing import CliRunner
from msgspec.structs import replace

from cli.main import triggers
from shared.aws.clients import AwsClients
from shared.settings import Settings
from tests.integration.test_ready_command import environ_of


async def status(settings: Settings) -> Any:
    environ = {**environ_of(settings), "TRIGGERS_URL": ""}
    done = await asyncio.to_thread(CliRunner(env=environ).invoke, triggers, ["status", "--json"])
    reported = msgspec.json.decode(done.stdout)
    assert (done.exit_code, done.stderr) == (0 if reported["healthy"] else 1, "")
    return reported


async def test_a_provisioned_stack_is_healthy_until_a_message_is_dead(aws_settings: Settings) -> None:
    reported = await status(aws_settings)
    assert reported["problems"] == []
    table = {"exists": True, "status": "ACTIVE", "ttl": True, "recovery": True}
    assert reported["events_table"] == {"name": aws_settings.dynamodb_table_events, **table}
    assert reported["sources_table"] == {"name": aws_settings.dynamodb_table_sources, **table}
    assert reported["api_keys_table"] == {"name": aws_settings.dynamodb_table_api_keys, **table}
    assert reported["groups_table"] == {"name": aws_settings.dynamodb_table_groups, **table}
    assert reported["bucket"] == {"name": aws_settings.bodies_bucket, "exists": True}
    assert reported["queue"] == {
        "name": aws_settings.queue_name,
        "exists": True,
        "waiting": 0,
        "in_flight": 0,
        "delayed": 0,
    }
    async with AwsClients(aws_settings).sqs() as sqs:
        url = (await sqs.get_queue_url(QueueName=aws_settings.dlq_name))["QueueUrl"]
        await sqs.send_message(QueueUrl=url, MessageBody="x")
    reported = await status(aws_settings)
    assert reported["dlq"]["waiting"] == 1
    assert [problem.partition(":")[0] for problem in reported["problems"]] == [
        f"1 message is in the DLQ {aws_settings.dlq_name}"
    ]


async def test_missing_resources_are_reported(aws_settings: Settings) -> None:
    reported = await status(
        replace(aws_settings, dlq_name="no-dlq", dynamodb_table_events="no-table", bodies_bucket="no-bucket")
    )
    assert [reported[part]["exists"] for part in ("queue", "dlq", "events_table", "bucket")] == [
        True,
        False,
        False,
        False,
    ]
    assert [problem.partition(" in ")[0] for problem in reported["problems"][1:]] == [
        "No queue no-dlq",
        "No table no-table",
        "No bucket no-bucket",
    ]
    assert "does not move failed messages to no-dlq" in reported["problems"][0]
