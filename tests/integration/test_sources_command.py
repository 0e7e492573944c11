"""`triggers sources` on a data directory, and the API that serves from it."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from cli.commands.sources import sources
from ingest.app import create_app
from shared.settings import load
from tests.serving import client_of, serving

pytestmark = pytest.mark.slow

SECRET = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"  # noqa: S105 (made up)


class Sources:
    """The command on one data directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.environ = {"BACKEND": "sqlite", "DATA_DIR": str(directory), "PUBLIC_URL": "http://triggers"}

    async def run(self, *arguments: str, given: str | None = None) -> Result:
        # In a thread, since the command runs its own event loop.
        return await asyncio.to_thread(CliRunner(env=self.environ).invoke, sources, arguments, input=given)

    async def json(self, *arguments: str, given: str | None = None) -> Any:
        done = await self.run(*arguments, "--json", given=given)
        assert done.exit_code == 0, done.output
        return msgspec.json.decode(done.stdout)

    def files(self) -> bytes:
        """Return the contents of all files in the directory."""
        return b"".join(path.read_bytes() for path in Path(self.environ["DATA_DIR"]).iterdir())

    async def create(self, *more: str, given: str | None = None) -> Any:
        return await self.json("create", "--tenant", "acme", "--name", "shop", *more, given=given)

    async def post(self, url: str) -> int:
        """Post an unsigned delivery to a newly started API."""
        app = create_app(load(self.environ))
        async with serving(app), client_of(app) as client:
            return (await client.post(url, content=b"{}")).status_code


@pytest.fixture
def command(tmp_path: Path) -> Sources:
    return Sources(tmp_path / "data")


async def test_a_url_works_until_it_is_replaced_disabled_or_deleted(command: Sources) -> None:
    made = await command.create("--scheme", "none", "--inbox", "in", "--window", "3d")
    assert (made["inbox"], made["window_seconds"], made["status"]) == ("in", 3 * 86_400, "active")
    assert "secret" not in made
    assert await command.post(made["url"]) == 200
    new = (await command.json("rotate", "shop", "--new-url"))["url"]
    assert [await command.post(url) for url in (made["url"], new)] == [401, 200]
    assert (await command.json("disable", "shop"))["status"] == "disabled"
    assert await command.post(new) == 401
    assert (await command.json("disable", "shop", "--undo"))["status"] == "active"
    assert await command.post(new) == 200
    assert (await command.json("show", "shop", "--with-url"))["url"] == new
    await command.json("delete", "shop", "--yes")
    assert await command.post(new) == 401
    assert await command.json("list") == []


async def test_only_a_generated_secret_is_printed_and_only_once(command: Sources) -> None:
    given = await command.run(
        "create",
        "--tenant",
        "acme",
        "--name",
        "stripe",
        "--scheme",
        "stripe",
        "--secret-file",
        "-",
        given=f"{SECRET}\n",
    )
    assert given.exit_code == 0
    assert SECRET not in given.output
    assert given.stdout.startswith("http://triggers/v1/in/src_")
    made = await command.create("--scheme", "github")
    rotated = await command.json("rotate", "shop")
    assert len({made["secret"], rotated["secret"]}) == 2
    assert len(rotated["secrets"]) == 2
    finished = await command.json("rotate", "shop", "--finish")
    assert finished["secrets"] == rotated["secrets"][:1]
    said = [
        (await command.run(*words)).output
        for words in (("list",), ("list", "--json"), ("show", "shop"), ("show", "stripe"))
    ]
    hidden = [SECRET, made["secret"], rotated["secret"], made["url"][-43:], given.stdout.strip()[-43:]]
    assert [text for text in said for one in hidden if one in text] == []
    assert [one for one in hidden if one.encode() in command.files()] == []


async def test_the_key_file_is_readable_by_its_owner_only(command: Sources) -> None:
    await command.create("--scheme", "github")
    assert (Path(command.environ["DATA_DIR"]) / "sources.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nope"), "No source nope."),
        (("rotate", "nope"), "No source nope."),
        (("delete", "nope", "--yes"), "No source nope."),
        (("create", "--tenant", "acme", "--name", "A", "--scheme", "none"), "A name has 1 to 64"),
        (("create", "--tenant", "acme", "--name", "a", "--scheme", "hmac"), "requires the name of a header"),
        (
            ("create", "--tenant", "acme", "--name", "a", "--scheme", "none", "--id", "x"),
            "A rule must start with one of header:",
        ),
        (("create", "--tenant", "acme", "--name", "a", "--scheme", "none", "--header", "x"), "has no options"),
    ],
)
async def test_errors_are_one_line(command: Sources, words: tuple[str, ...], said: str) -> None:
    done = await command.run(*words)
    assert done.exit_code == 1
    assert said in done.output
    assert len(done.output.splitlines()) == 1


async def test_a_name_of_two_tenants_requires_the_tenant(command: Sources) -> None:
    for tenant in ("acme", "other"):
        await command.json("create", "--tenant", tenant, "--name", "shop", "--scheme", "none")
    done = await command.run("show", "shop")
    assert (done.exit_code, done.output) == (1, "Error: 2 tenants have a source shop: use --tenant.\n")
    assert (await command.json("show", "shop", "--tenant", "other"))["tenant"] == "other"
    assert len(await command.json("list", "--tenant", "acme")) == 1


async def test_options_and_rules_are_kept(command: Sources) -> None:
    words = "--scheme hmac --header X-Sig --prefix v1= --algorithm sha512 --encoding base64 --signed {timestamp}.{body}"
    rules = "--timestamp-header X-Time --type constant:paid --id json:/id --keep-header X-Shop"
    made = await command.create(*words.split(), *rules.split())
    assert made["options"] == {
        "header": "X-Sig",
        "prefix": "v1=",
        "algorithm": "sha512",
        "encoding": "base64",
        "signed": "{timestamp}.{body}",
        "timestamp_header": "X-Time",
    }
    assert made["rules"] == {"type": ["constant:paid"], "id": ["json:/id"]}
    assert made["keep_headers"] == ["x-shop"]
