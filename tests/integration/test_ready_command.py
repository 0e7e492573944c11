"""`triggers ready`, as in the health check of a worker."""

import asyncio

import msgspec
from click.testing import CliRunner
from msgspec.structs import asdict, replace

from cli.main import triggers
from shared.settings import Settings


def environ_of(settings: Settings) -> dict[str, str]:
    return {name.upper(): str(value) for name, value in asdict(settings).items()}


async def test_a_worker_is_ready_when_queues_and_table_answer(aws_settings: Settings) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, triggers, ["ready"], env=environ_of(aws_settings))
    assert (result.exit_code, result.output) == (0, "ready\n")


async def test_without_its_queue_a_worker_is_not_ready(aws_settings: Settings) -> None:
    missing = environ_of(replace(aws_settings, queue_name="no-such-queue"))
    result = await asyncio.to_thread(CliRunner().invoke, triggers, ["ready"], env=missing)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "No such queue: run `triggers provision`, or check QUEUE_NAME (no-such-queue)" in result.stderr


async def test_the_reason_is_printed(aws_settings: Settings) -> None:
    other = environ_of(replace(aws_settings, dynamodb_table_events="no-such-table"))
    result = await asyncio.to_thread(CliRunner().invoke, triggers, ["ready", "--json"], env=other)
    assert (result.exit_code, result.stderr) == (1, "")
    reported = msgspec.json.decode(result.stdout)
    assert not reported["ready"]
    assert "no-such-table" in reported["reason"]
