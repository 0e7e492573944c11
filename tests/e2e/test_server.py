"""The real processes, started with `script/server`."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.local import emulator

ROOT = Path(__file__).parents[2]
SERVER = str(ROOT / "script" / "server")
MARK = "TRIGGERS_E2E_DATA"
DEADLINE_SECONDS = 120  # only ends a hang


class Server:
    """One run of `script/server`."""

    def __init__(self, port: int, data: Path, *arguments: str) -> None:
        self._data = data
        self._log = data.with_suffix(".log")
        with self._log.open("wb") as out:
            command = [SERVER, "--port", str(port), "--data", str(data), *arguments]
            # Its children inherit the mark. A new session, so that no signal reaches the tests.
            environ = {**os.environ, MARK: str(data)}
            self.process = subprocess.Popen(command, env=environ, stdout=out, stderr=out, start_new_session=True)  # noqa: S603

    def ready(self) -> "Server":
        """Return once `dev.json` reports that everything answers."""
        self.until(lambda: (self._data / "dev.json").exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.printed()
        return self

    def printed(self) -> str:
        """Return its output so far."""
        return self._log.read_text()

    def curl(self, path: str) -> Any:
        """Run the printed curl line for `path` through the shell, as printed, and return its answer."""
        (line,) = [line for line in self.printed().splitlines() if line.startswith("curl ") and f"{path} " in line]
        done = subprocess.run(line, shell=True, check=True, capture_output=True)  # noqa: S602 (as it is pasted)
        return msgspec.json.decode(done.stdout)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.terminate()
        return self.process.wait(DEADLINE_SECONDS)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for `condition`."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.1)


Start = Callable[..., Server]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(free_port: int, data: Path) -> Iterator[Start]:
    """Starts servers that share one port and one data directory, one after the other."""
    started: list[Server] = []

    def one(*arguments: str) -> Server:
        started.append(Server(free_port, data, *arguments))
        return started[-1]

    yield one
    for server in started:
        if server.process.poll() is None:
            server.stop()


def _processes_of(data: Path) -> list[str]:
    """Return the command lines of what the servers on `data` started and what still runs."""
    found, mark = [], f"{MARK}={data}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):  # empty if it has ended
                found.append((process / "cmdline").read_text())
        except OSError:  # it has ended
            continue
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    "arguments",
    [pytest.param([], id="SQLite"), pytest.param(["--emulator"], id="emulator", marks=pytest.mark.slow)],
)
def test_an_event_goes_through_and_survives_a_restart(
    start: Start, free_port: int, data: Path, arguments: list[str]
) -> None:
    server = start(*arguments).ready()
    announced = msgspec.json.decode((data / "dev.json").read_bytes())
    assert announced["url"] == f"http://127.0.0.1:{free_port}"
    assert announced["api_key"] in server.printed()
    assert f"Live page: {announced['url']}/ " in server.printed()

    accepted = server.curl("/v1/events")
    server.until(lambda: server.curl("/v1/inbox")["events"])
    (event,) = server.curl("/v1/inbox")["events"]
    assert (event["id"], event["data"]) == (accepted["id"], {"hello": "world"})
    assert re.search(r"^worker +\| \{", server.printed(), re.MULTILINE)

    assert server.stop() == 0, server.printed()
    assert "Traceback" not in server.printed()
    assert not (data / "dev.json").exists()
    assert _processes_of(data) == []
    assert _is_free(free_port)

    again = start(*arguments).ready()
    assert announced == msgspec.json.decode((data / "dev.json").read_bytes())
    assert again.curl("/v1/inbox")["events"] == [event]
    assert again.stop() == 0


@pytest.mark.slow
def test_no_child_outlives_a_killed_server(start: Start, free_port: int, data: Path) -> None:
    server = start().ready()
    os.kill(server.process.pid, signal.SIGKILL)
    server.until(lambda: not _processes_of(data) and _is_free(free_port))


@pytest.mark.slow
def test_an_emulator_that_outlives_a_killed_server_keeps_its_directory(start: Start) -> None:
    server = start("--emulator").ready()
    accepted = server.curl("/v1/events")
    (saving,) = [pid for pid in _children_of(server.process.pid) if "ministack" in _command(pid)]
    os.kill(saving, signal.SIGSTOP)  # as if it had much to save
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(DEADLINE_SECONDS)

    again = start("--emulator")
    again.until(lambda: "Waiting for the emulator of an earlier server to save its state." in again.printed())
    os.kill(saving, signal.SIGCONT)
    again.ready()
    again.until(lambda: again.curl("/v1/inbox")["events"])
    assert again.curl("/v1/inbox")["events"][0]["id"] == accepted["id"]


@pytest.mark.slow
def test_a_data_directory_that_can_not_be_made_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    data = tmp_path / "file" / "data"
    done = _run("--port", str(emulator.free_port()), "--data", str(data))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: the data directory {data} can't be used: Not a directory ({data}); check this path, or choose another"
        " with --data\n"
    )


@pytest.mark.slow
def test_a_child_that_dies_takes_all_down_and_is_named(start: Start, free_port: int, data: Path) -> None:
    server = start().ready()
    (worker,) = [pid for pid in _children_of(server.process.pid) if "worker" in _command(pid)]
    os.kill(worker, signal.SIGKILL)
    assert server.process.wait(DEADLINE_SECONDS) == 1
    assert "worker ended unexpectedly with signal 9; stopping everything." in server.printed()
    assert _processes_of(data) == []
    assert _is_free(free_port)


@pytest.mark.slow
def test_a_second_server_on_the_same_data_is_refused_in_one_line(start: Start, data: Path) -> None:
    start().ready()
    done = _run("--port", str(emulator.free_port()), "--data", str(data))
    assert done.returncode == 1
    assert re.fullmatch(r"Error: another `triggers dev` is using .*; choose another with --data\n", done.stderr)


@pytest.mark.slow
def test_a_taken_port_is_reported_in_one_line(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = _run("--port", str(port), "--data", str(data))
    assert done.returncode == 1
    assert done.stderr == f"Error: port {port} can't be used (Address already in use); choose another with --port\n"
    assert done.stdout == ""
    assert not data.exists()


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [SERVER, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)  # noqa: S603


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]


def _command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
