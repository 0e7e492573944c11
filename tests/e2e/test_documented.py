"""The documented commands work: those for the embedded stack run in order, as printed."""

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml  # type: ignore[import-untyped] # it has no types of its own
from triggers_client import Client

from cdk.config import Config
from cli.local.data_option import environment_of
from cli.local.emulator import free_port
from shared.clock import SystemClock
from shared.model.event import Event
from shared.model.position import Minter
from tests.e2e.documented import ELSEWHERE, PAGES, ROOT, Command, commands_in, once
from tests.e2e.local import DEADLINE_SECONDS, Local, add_dead_letter, until

pytestmark = pytest.mark.slow

COMMANDS = {str(page.relative_to(ROOT)): commands_in(page.read_text()) for page in PAGES}
ALL = [command for commands in COMMANDS.values() for command in commands]
RUN_OF = once(COMMANDS)
TENANT = "documented"
# As printed, curl exits with 0 on an error response; and a process started by the line before may not be ready yet.
CURLRC = "fail-with-body\nnoproxy = *\nretry = 60\nretry-connrefused\nretry-delay = 1\n"


class Reader:
    """A person who types the commands as printed, in a directory where a server runs."""

    def __init__(self, local: Local, directory: Path) -> None:
        self._local = local
        self.directory = directory
        self._port = str(free_port())
        self._started: list[subprocess.Popen[bytes]] = []
        (directory / ".triggers").symlink_to(local.data)
        (directory / ".venv").symlink_to(sys.prefix)
        (directory / ".curlrc").write_text(CURLRC)
        (directory / "events.ndjson").write_text('{"type":"order.paid"}\n{"type":"order.sent"}\n')
        (directory / "body.json").write_text('{"action":"opened"}')
        self._environment = {
            **os.environ,
            **environment_of(local.data),
            "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
            "CURL_HOME": str(directory),
            "KEY": (local.data / "api-key").read_text(),
            "URL": local.url,
        }

    def type(self, command: Command) -> None:
        """Run the command until it ends; send Ctrl-C if it never does."""
        text = self._put_in(command.text)
        if text.endswith("&"):
            self._start(text.removesuffix("&"))
        elif text == "triggers tail":
            self._tail(text)
        else:
            script = "\n".join([*map(self._put_in, command.earlier), text])
            done = subprocess.run(  # noqa: S603
                ["/bin/sh", "-euc", script],
                input=b"y\n",
                capture_output=True,
                env=self._environment,
                cwd=self.directory,
                check=False,
                timeout=DEADLINE_SECONDS,
            )
            assert done.returncode == 0, (done.stdout + done.stderr).decode()
            self.printed = done.stdout.decode()

    def _put_in(self, text: str) -> str:
        """Substitute the addresses and placeholders of this run."""
        text = text.replace("http://127.0.0.1:8000", self._local.url).replace("9464", self._port)
        if re.search(r"\bKEYID\b", text):
            text = text.replace("KEYID", self._key_id)
        if re.search(r"\btriggers dlq\b", text):
            text = re.sub(r"\bID\b", asyncio.run(self._bury()), text)
        return text

    @cached_property
    def _key_id(self) -> str:
        return self._local.environment(TENANT)["TRIGGERS_API_KEY"].split("_")[1]

    async def _bury(self) -> str:
        """Send an event to the dead-letter queue; return the message id."""
        receipt = Minter(SystemClock()).mint()
        body = {"specversion": "1.0", "type": "t", "source": "/", "id": receipt, "data": "in the DLQ"}
        raw = msgspec.Raw(msgspec.json.encode(body))
        event = Event(receipt=receipt, id=receipt, source="/", inbox="default", type="t", body=raw)
        return await add_dead_letter(self._local, TENANT, event)

    def _start(self, text: str, out: Path | None = None) -> subprocess.Popen[bytes]:
        path = out or self.directory / "started"
        with path.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-euc", text],
                stdout=file,
                env=self._environment,
                cwd=self.directory,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def _tail(self, text: str) -> None:
        out = self.directory / "tailed"
        process = self._start(text, out)
        with Client(self._local.url, self._environment["KEY"]) as client:

            def arrived() -> bool:
                client.send([{"type": "order.paid"}])
                return bool(out.read_text())

            until(arrived)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(DEADLINE_SECONDS) in {130, -signal.SIGINT}
        self.printed = out.read_text()

    def leave(self) -> None:
        """Stop the processes that still run."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(DEADLINE_SECONDS)


@pytest.fixture
def reader(local: Local, tmp_path: Path) -> Iterator[Reader]:
    one = Reader(local, tmp_path)
    yield one
    one.leave()


@pytest.mark.parametrize("page", [name for name, commands in RUN_OF.items() if commands])
def test_commands_that_can_run_here_work(reader: Reader, page: str) -> None:
    for command in RUN_OF[page]:
        reader.type(command)
        for word, printed in PRINTED.items():
            if word in command.text:
                assert re.search(printed, reader.printed), (command.text, reader.printed)


PRINTED = {
    "/v1/inbox": r'"events":\[',
    "/v1/acks": r'^\{"accepted":1\}$',
    "-X DELETE": r'^\{"accepted":1\}$',
    "/metrics": r"(?m)^triggers_\w+",
    "keys create": r"trg_\w+",
    "--payload": "in the DLQ",
    "redrive": r"^\d+ messages? redriven",
}
"""A pattern that the output must match, by a part of the command."""


def test_the_python_example_works(local: Local) -> None:
    lines, *_ = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "examples" / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    api_key = local.environment("documented-python")["TRIGGERS_API_KEY"]
    handled: list[Mapping[str, Any]] = []
    cursors: list[str] = []

    class EnoughError(Exception):
        pass

    def handle(events: Sequence[Mapping[str, Any]]) -> None:
        if handled and events:  # those before have been acked
            raise EnoughError
        if events:
            handled.extend(events)
            with Client(local.url, api_key) as client:
                client.send([{"type": "order.sent"}])

    names = {"api_key": api_key, "saved": None, "handle": handle, "save": cursors.append}
    with pytest.raises(EnoughError):
        exec(lines.replace("http://127.0.0.1:8000", local.url), names)  # noqa: S102 (the lines under test)
    assert [(event["id"], event["data"]) for event in handled] == [("order-17", {"total": 99.5})]
    assert cursors
    with Client(local.url, api_key) as client:
        until(lambda: client.get("order-17")["status"] == "delivered")


def test_every_command_is_run_or_listed_as_elsewhere() -> None:
    assert [command.text for command in ALL if not command.is_run and command.elsewhere is None] == []
    assert {command.elsewhere for command in ALL} - {None} == set(ELSEWHERE)
    assert len([command for command in ALL if command.is_run]) > 20


@pytest.mark.parametrize("command", [one for one in ALL if one.elsewhere], ids=lambda command: command.text)
def test_commands_for_elsewhere_name_existing_files_and_settings(command: Command) -> None:
    first, *words = shlex.split(command.text)
    if first.startswith("script/"):
        assert os.access(ROOT / first, os.X_OK)
    if first == "script/cdk":
        named = [setting.partition("=")[0] for flag, setting in pairwise(words) if flag == "-c"]
        assert set(named) <= {"stage", "fargate", *Config.__struct_fields__}
    if command.text.startswith("docker compose run "):
        services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
        assert next(word for word in words[2:] if not word.startswith("-")) in services


def test_a_command_on_two_pages_runs_once() -> None:
    listing, both = Command("triggers dlq list"), [Command("triggers dlq --data .triggers list"), Command("aws x")]
    assert once({"a": both, "b": [listing, Command("triggers tail")]}) == {
        "a": both[:1],
        "b": [Command("triggers tail")],
    }


def test_an_unknown_command_is_detected() -> None:
    page = "text\n```sh\n# only a comment\nKEY=$(cat x)\nfrobnicate \\\n  --all  # why\n```\n```\nno command\n```\n"
    assert [one.text for one in commands_in(page)] == ["KEY=$(cat x)", "frobnicate --all"]
    unknown = commands_in(page)[1]
    assert unknown.earlier == ("KEY=$(cat x)",)
    assert not unknown.is_run
    assert unknown.elsewhere is None
