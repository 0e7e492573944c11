"""`triggers keys` on a real table."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from click.testing import CliRunner, Result

from cli.commands.keys import keys
from shared.auth.verifier import KeyVerifier
from shared.aws.clients import AwsClients
from shared.aws.key_store import DynamoKeyStore
from shared.clock import SystemClock
from shared.model.errors import Unauthorized
from shared.settings import Settings

pytestmark = pytest.mark.slow

DAY_MS = 86_400_000


class Keys:
    """The command, on one table."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def run(self, *arguments: str) -> Result:
        environ = {"DYNAMODB_TABLE_API_KEYS": self.settings.dynamodb_table_api_keys}
        # In a thread, since the command runs its own event loop.
        return await asyncio.to_thread(CliRunner(env=environ).invoke, keys, arguments)

    async def json(self, *arguments: str) -> Any:
        done = await self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return msgspec.json.decode(done.stdout)

    async def tenant_of(self, token: str) -> str:
        async with AwsClients(self.settings).dynamodb() as client:
            store = DynamoKeyStore(client, self.settings.dynamodb_table_api_keys)
            ring = KeyVerifier(store, SystemClock(), cache_seconds=1)
            key = await ring.verify(token)
            async with asyncio.timeout(30):  # the use is recorded in the background
                while (read := await store.get(key.key_id)) and read.last_used_at is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await ring.aclose()
            return key.tenant


@pytest.fixture
def command(aws_settings: Settings) -> Keys:
    return Keys(aws_settings)


async def test_a_key_works_until_it_is_revoked(command: Keys) -> None:
    created = await command.run("create", "--tenant", "a#b", "--name", "ci")
    token = created.stdout.strip()
    assert await command.tenant_of(token) == "a#b"
    key_id = token.split("_")[1]
    assert key_id in created.stderr
    (listed,) = await command.json("list", "--tenant", "a#b")
    assert listed["scopes"] == ["events:write", "inbox:read", "inbox:ack"]  # and not to operate, unasked
    revoked = await command.run("revoke", key_id)
    assert revoked.stdout == f"Key {key_id} is revoked; it stops working within 30 s.\n"
    with pytest.raises(Unauthorized):
        await command.tenant_of(token)
    assert (await command.json("revoke", key_id))["status"] == "revoked"


async def test_a_key_is_what_was_asked_for(command: Keys) -> None:
    scopes = ("--scope", "inbox:read", "--scope", "events:write", "--type", "order.*")
    limits = ("--rate", "5", "--burst", "7", "--expires", "90d")
    made = await command.json("create", "--tenant", "t", "--name", "n", *scopes, *limits)
    assert made["api_key"].startswith(f"trg_{made['key_id']}_")
    assert (made["scopes"], made["types"]) == (["inbox:read", "events:write"], ["order.*"])
    assert (made["rate"], made["burst"]) == (5, 7)
    assert made["expires_at"] - made["created_at"] == 90 * DAY_MS


async def test_a_rotated_key_works_beside_the_new_one_until_the_overlap_ends(command: Keys) -> None:
    old = await command.json("create", "--tenant", "t", "--name", "n", "--type", "order.*", "--rate", "5")
    done = await command.run("rotate", old["key_id"], "--overlap", "2h")
    token = done.stdout.strip()
    assert f"Key {old['key_id']} works until 20" in done.stderr
    for each in (token, old["api_key"]):
        assert await command.tenant_of(each) == "t"
    listed = {key["key_id"]: key for key in await command.json("list")}
    new, was = listed[token.split("_")[1]], listed[old["key_id"]]
    assert (new["types"], new["rate"], new["expires_at"]) == (["order.*"], 5, None)
    assert was["expires_at"] - new["created_at"] == DAY_MS // 12
    again = await command.json("rotate", new["key_id"])
    assert again["api_key"].startswith(f"trg_{again['key_id']}_")


async def test_a_revoked_key_is_not_rotated(command: Keys) -> None:
    made = await command.json("create", "--tenant", "t", "--name", "n")
    await command.run("revoke", made["key_id"])
    done = await command.run("rotate", made["key_id"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "revoked" in done.stderr
    assert len(await command.json("list")) == 1


async def test_a_list_shows_when_a_key_was_last_used(command: Keys) -> None:
    made = await command.json("create", "--tenant", "t", "--name", "n")
    assert "never" in (await command.run("list")).stdout.splitlines()[1].split()[-2]
    await command.tenant_of(made["api_key"])
    (listed,) = await command.json("list")
    assert listed["last_used_at"] >= made["created_at"]


async def test_a_list_shows_everything_but_secrets(command: Keys) -> None:
    made = [await command.json("create", "--tenant", tenant, "--name", "[red] n") for tenant in ("one", "two")]
    listed = await command.json("list")
    assert [key["key_id"] for key in listed] == [key["key_id"] for key in made]
    assert not {"secret_hash", "api_key"} & listed[0].keys()
    assert [key["tenant"] for key in await command.json("list", "--tenant", "two")] == ["two"]
    table = (await command.run("list")).stdout
    assert all(key["key_id"] in table and key["api_key"] not in table for key in made)
    assert "[red] n" in table
    assert "active" in table


async def test_an_expired_key_is_listed_as_such(command: Keys) -> None:
    made = await command.json("create", "--tenant", "t", "--name", "n", "--expires", "1m")
    async with AwsClients(command.settings).dynamodb() as client:
        await client.update_item(
            TableName=command.settings.dynamodb_table_api_keys,
            Key={"pk": {"S": f"key#{made['key_id']}"}},
            UpdateExpression="SET expires_at = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )
    assert [key["status"] for key in await command.json("list")] == ["expired"]
    assert "1970-01-01" in (await command.run("list")).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["revoke", "nosuchkey"], 1, "Error: Unknown key nosuchkey."),
        (["rotate", "nosuchkey"], 1, "Error: Unknown key nosuchkey."),
        (["create", "--tenant", "", "--name", "n"], 1, "Error: A tenant must have 1 to 64 printable characters."),
        (["create", "--tenant", "t", "--name", "n", "--expires", "5y"], 2, "is no span such as 30m, 12h, 90d or 52w."),
        (["create", "--tenant", "t", "--name", "n", "--scope", "all"], 2, "'all' is not one of"),
        (["--data", "/no/such", "list"], 1, "/no/such does not exist; `triggers dev --data /no/such` creates it"),
    ],
)
async def test_errors_are_one_line(command: Keys, arguments: list[str], code: int, line: str) -> None:
    done = await command.run(*arguments)
    assert done.exit_code == code
    assert line in done.stderr + str(done.exception)


async def test_the_table_of_a_server_on_this_machine(command: Keys, ministack: str, tmp_path: Path) -> None:
    (tmp_path / "emulator-port").write_text(str(urlsplit(ministack).port))
    done = await command.run("--data", str(tmp_path), "list", "--json")
    assert done.stdout == "[]\n"
