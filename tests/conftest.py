"""Fixtures that several kinds of test share: the emulator, and settings that are provisioned in it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.local import emulator
from shared.settings import Settings
from tests.provisioned import provisioned

pytest_plugins = ["tests.slow"]

_START_SECONDS = 60

# They need the CDK, which lies in an environment of its own: script/cdk-test runs them.
collect_ignore = [] if find_spec("aws_cdk") else ["cdk"]

# In the background of a script a process ignores Ctrl-C, and so would every process that the tests start and
# interrupt. One that has a handler of its own hands none down.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    return emulator.free_port()


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the emulator once for all tests; the SDK of this process talks to it. Yields its URL."""
    state, port = tmp_path_factory.mktemp("ministack"), emulator.free_port()
    with pytest.MonkeyPatch.context() as environment:
        for name in emulator.MISLEADING:
            environment.delenv(name, raising=False)
        for name, value in emulator.client_environment(port).items():
            environment.setenv(name, value)
        process = _start(port, state)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()  # its state is not needed
            process.wait()


@pytest.fixture
async def aws_settings(ministack: str) -> Settings:
    """Settings with names of their own, provisioned in the emulator, and times that suit its speed."""
    assert ministack
    return await provisioned()


def _start(port: int, state: Path) -> subprocess.Popen[bytes]:
    try:
        command = emulator.command()
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    log = state / "log.txt"
    with log.open("wb") as out:
        environment = emulator.server_environment(os.environ, port=port, state=state)
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=state)  # noqa: S603
    deadline = time.monotonic() + _START_SECONDS
    while not emulator.answers(emulator.health_url(port)):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"The emulator did not start:\n{log.read_text()}", pytrace=False)
        time.sleep(0.05)
    return process
