"""`triggers serve` as a process: connections, and requests that wait at shutdown."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from cli.local import emulator
from shared.aws.clients import AwsClients
from shared.aws.key_store import DynamoKeyStore
from shared.model import api_key
from shared.settings import Settings

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 60


@pytest.fixture
def serving(aws_settings: Settings, free_port: int, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Serve both apps on `free_port`."""
    named = {name.upper(): str(getattr(aws_settings, name)) for name in aws_settings.__struct_fields__}
    environ = {**os.environ, **{name: value for name, value in named.items() if value not in ("True", "False", "None")}}
    command = [sys.executable, "-P", "-m", "cli", "serve", "all", "--port", str(free_port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)  # noqa: S603
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not emulator.answers(f"http://127.0.0.1:{free_port}/readyz"):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


async def token_of(settings: Settings) -> str:
    key, token = api_key.create(tenant="t", name="n", scopes=[api_key.INBOX_READ], now_ms=time.time_ns() // 1_000_000)
    async with AwsClients(settings).dynamodb() as client:
        await DynamoKeyStore(client, settings.dynamodb_table_api_keys).put(key)
    return token


def test_a_connection_outlives_a_pause(serving: subprocess.Popen[bytes], free_port: int) -> None:
    assert serving.poll() is None
    with closing(HTTPConnection("127.0.0.1", free_port, timeout=DEADLINE_SECONDS)) as connection:
        for pause_seconds in (0, 6):  # uvicorn closes after 5 by default
            time.sleep(pause_seconds)
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            assert answer.status == 200
            answer.read()
            assert connection.sock is not None


def test_many_can_connect_in_one_event_loop_iteration(serving: subprocess.Popen[bytes], free_port: int) -> None:
    # Per event-loop iteration, libuv accepts one connection on each handle of the socket.
    listening = f":{free_port:04X} 00000000:0000 0A"
    [inode] = [
        line.split()[9] for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines() if listening in line
    ]
    handles = [handle.readlink() for handle in Path(f"/proc/{serving.pid}/fd").iterdir()]
    assert handles.count(Path(f"socket:[{inode}]")) == 32


async def test_long_polls_are_answered_before_the_process_ends(
    serving: subprocess.Popen[bytes], aws_settings: Settings, free_port: int
) -> None:
    with closing(HTTPConnection("127.0.0.1", free_port, timeout=DEADLINE_SECONDS)) as connection:
        connection.request("GET", "/v1/inbox?wait=20", headers={"X-API-Key": await token_of(aws_settings)})
        assert emulator.answers(f"http://127.0.0.1:{free_port}/healthz")  # so the request before it has come, too
        serving.terminate()
        # Without the shutdown signal it would wait for 20 seconds, and be cut off after 8.
        answer = connection.getresponse()
        assert answer.status == 200
        assert b'"events":[]' in answer.read()
        serving.wait(DEADLINE_SECONDS)
