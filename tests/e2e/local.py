"""The stack as `script/server` runs it, for tests that use it as an external program does."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path

import msgspec
from triggers_client import Client

from cli.local.data_option import environment_of
from shared import settings
from shared.backend import connect
from shared.clock import SystemClock
from shared.dead_letters import peek_dlq
from shared.model import pack as packs
from shared.model.event import Event
from shared.model.pack import EventPack
from shared.ports import Outgoing

DEADLINE_SECONDS = 120  # only ends a hang


class Local:
    """A running stack."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url: str = msgspec.json.decode((data / "dev.json").read_bytes())["url"]

    def environment(self, tenant: str, *scopes: str) -> dict[str, str]:
        """Return this process' environment, with the API and a new key of `tenant` with `scopes`."""
        command = [sys.executable, "-m", "cli", "keys", "--data", str(self.data), "create", "--json"]
        named = ["--tenant", tenant, "--name", "test", *(f"--scope={scope}" for scope in scopes)]
        done = subprocess.run([*command, *named], check=True, capture_output=True, timeout=DEADLINE_SECONDS)  # noqa: S603
        return {**os.environ, "TRIGGERS_URL": self.url, "TRIGGERS_API_KEY": msgspec.json.decode(done.stdout)["api_key"]}


@contextmanager
def running(port: int, data: Path, *arguments: str) -> Iterator[Local]:
    """Run the stack until the end of the context."""
    log = data.with_suffix(".log")
    command = [sys.executable, "-m", "cli", "dev", "--port", str(port), "--data", str(data), *arguments]
    with log.open("wb") as out:
        # A new session, so that no signal reaches the tests.
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)  # noqa: S603
    try:
        until(lambda: (data / "dev.json").exists() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield Local(data)
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


async def add_dead_letter(local: Local, tenant: str, event: Event, attributes: Mapping[str, str] = {}) -> str:
    """Put an event into the DLQ of a running SQLite stack; return its message's id."""
    now_ms = SystemClock().wall_ms()
    body = packs.encode(EventPack(tenant=tenant, key_id="k", accepted_at=now_ms, events=[event]))
    async with aclosing(connect(settings.load(environment_of(local.data)), SystemClock())) as backend:
        dlq = await backend.dlq()
        await dlq.send([Outgoing(body=body, attributes=attributes)])
        async with peek_dlq(dlq) as peek:
            found = [message.id async for messages in peek.take() for message in messages if message.body == body]
    return found[0]


def client_in(environment: dict[str, str]) -> Client:
    """Return a client of the API that `environment` names."""
    return Client(environment["TRIGGERS_URL"], environment["TRIGGERS_API_KEY"])


def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
