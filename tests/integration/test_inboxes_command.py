"""`triggers inboxes` on a real table, and on SQLite."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from cli.commands.inboxes import inboxes
from shared.aws.backend import AwsBackend
from shared.clock import SystemClock
from shared.model.layout import InboxName
from shared.settings import Settings


class Command:
    """The command, on one table."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def run(self, *arguments: str, **environ: str) -> Result:
        environ = {"DYNAMODB_TABLE_EVENTS": self.settings.dynamodb_table_events, **environ}
        return await asyncio.to_thread(CliRunner(env=environ).invoke, inboxes, arguments)

    async def json(self, *arguments: str) -> Any:
        done = await self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return msgspec.json.decode(done.stdout)


@pytest.fixture
def command(aws_settings: Settings) -> Command:
    return Command(aws_settings)


async def test_an_inbox_that_was_scaled_is_listed_and_known_to_processes(command: Command) -> None:
    assert (await command.run("list")).output == "Every inbox has one shard.\n"

    scaled = await command.json("scale", "--tenant", "acme", "orders", "8")

    assert (scaled["tenant"], scaled["inbox"], scaled["shards"], scaled["busy"]) == ("acme", "orders", 1, None)
    assert [epoch["shards"] for epoch in scaled["epochs"]] == [8]
    assert await command.json("list") == [scaled]
    assert await command.json("list", "--tenant", "other") == []
    table = (await command.run("list")).output
    assert f"8 from {scaled['epochs'][0]['since']} on" in table
    clock = SystemClock()
    backend = AwsBackend(command.settings, clock)
    layout = await (await backend.layouts()).current()
    await backend.aclose()
    name = InboxName("acme", "orders")
    assert (layout.shards_at(name, clock.wall_ms()), layout.shards_at(name, clock.wall_ms() + 61_000)) == (1, 8)


async def test_a_number_that_is_there_is_no_change(command: Command) -> None:
    done = await command.run("scale", "--tenant", "acme", "orders", "1")
    assert (done.exit_code, done.output) == (0, "The inbox orders already has 1 shard.\n")
    await command.run("scale", "--tenant", "acme", "orders", "2")
    done = await command.run("scale", "--tenant", "acme", "orders", "2")
    assert done.output.startswith("The inbox orders has 2 shards from ")
    assert len((await command.json("list"))[0]["epochs"]) == 1


async def test_other_numbers_are_refused(command: Command) -> None:
    done = await command.run("scale", "--tenant", "acme", "orders", "3")
    assert done.exit_code == 2
    assert "'1', '2', '4', '8', '16', '32', '64'" in done.output


async def test_sqlite_has_one_shard(command: Command, tmp_path: Path) -> None:
    sqlite = {"BACKEND": "sqlite", "DATA_DIR": str(tmp_path)}
    listed = await command.run("list", **sqlite)
    assert (listed.exit_code, listed.output) == (0, "Every inbox has one shard.\n")
    done = await command.run("scale", "--tenant", "acme", "orders", "2", **sqlite)
    assert done.exit_code != 0
    assert "With SQLite, every inbox has one shard." in str(done.exception) + done.output
