"""`triggers serve --processes 2`: one port, limits and metrics as documented, and a stop that loses nothing."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from cli.local import emulator
from tests.e2e.local import DEADLINE_SECONDS, running, until

pytestmark = pytest.mark.slow

RATE, BURST = 2, 10


class Pool:
    """A running pool of two processes."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, metrics_port: int, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log
        self._metrics_ports = (metrics_port, metrics_port + 1)

    @property
    def members(self) -> list[int]:
        """The process ids of its members."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]

    def counted(self, name: str) -> list[float]:
        """Return the sum of the samples called `name` for each member."""
        pages = [httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in self._metrics_ports]
        sample = re.compile(rf"^{name}(?:{{.*}})? (\S+)$", re.MULTILINE)
        return [sum(map(float, sample.findall(page))) for page in pages]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("processes") / "data"
    with running(emulator.free_port(), directory):
        pass
    return directory


@pytest.fixture
def pool(data: Path, tmp_path: Path) -> Iterator[Pool]:
    with serving(data, tmp_path / "log", "ingest") as started:
        until(lambda: emulator.answers(f"{started.url}/readyz") and len(started.members) == 2)
        yield started


@contextmanager
def serving(data: Path, log: Path, app: str) -> Iterator[Pool]:
    """Run `triggers serve APP` with two processes."""
    port, metrics_port = emulator.free_port(), _two_free_ports()
    command = [sys.executable, "-m", "cli", "serve", app, "--data", str(data), "--port", str(port), "--processes", "2"]
    with log.open("wb") as out:
        environ = {**os.environ, "METRICS_PORT": str(metrics_port)}
        process = subprocess.Popen(command, env=environ, stdout=out, stderr=out, start_new_session=True)  # noqa: S603
    try:
        yield Pool(process, f"http://127.0.0.1:{port}", metrics_port, log)
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


def test_a_member_that_is_killed_is_replaced_and_sigterm_stops_all(pool: Pool) -> None:
    killed, other = pool.members
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(pool.members) == 2 and killed not in pool.members)

    assert other in pool.members
    assert httpx.get(f"{pool.url}/readyz").status_code == 200
    members = pool.members
    pool.process.terminate()
    assert pool.process.wait(DEADLINE_SECONDS) == 0
    assert not any(map(_is_running, members))
    assert b"Traceback" not in pool.log.read_bytes()


def test_members_end_with_the_process_that_started_them(pool: Pool) -> None:
    members = pool.members
    pool.process.kill()
    until(lambda: not any(map(_is_running, members)))


def test_a_rate_limit_holds_for_all_members_together_and_each_counts_its_own(data: Path, pool: Pool) -> None:
    token = _key(data)
    started, accepted = time.monotonic(), 0
    for _ in range(60):
        # Without keep-alive: each request is a connection, which either member may accept.
        answer = httpx.post(f"{pool.url}/v1/events", json={"type": "a"}, headers={"X-API-Key": token})
        assert answer.status_code in (202, 429)
        accepted += answer.status_code == 202
    allowed = BURST + RATE * (time.monotonic() - started)

    assert BURST <= accepted <= allowed + 1
    assert sum(pool.counted("triggers_ingest_send_events_sum")) == accepted
    assert all(pool.counted("triggers_http_request_duration_seconds_count")), "one member received no request"


def test_an_error_at_the_start_is_one_line_and_ends_all(data: Path, tmp_path: Path) -> None:
    with serving(data, tmp_path / "log", "ingest") as first:
        until(lambda: emulator.answers(f"{first.url}/readyz"))
        command = [sys.executable, "-m", "cli", "serve", "ingest", "--data", str(data), "--processes", "2"]
        command += ["--port", first.url.rpartition(":")[2]]
        second = subprocess.run(command, capture_output=True, timeout=DEADLINE_SECONDS, check=False)  # noqa: S603

    assert second.returncode == 3
    assert second.stderr.count(b"\n") + second.stdout.count(b"\n") == 1
    assert b"Address already in use" in second.stdout + second.stderr


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _key(data: Path) -> str:
    command = [sys.executable, "-m", "cli", "keys", "--data", str(data), "create", "--json", "--tenant", "t"]
    command += ["--name", "n", "--rate", str(RATE), "--burst", str(BURST)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_SECONDS)  # noqa: S603
    token: str = msgspec.json.decode(done.stdout)["api_key"]
    return token


def _two_free_ports() -> int:
    """Return a free port whose successor is free, too."""
    while True:
        port = emulator.free_port()
        if not emulator.answers(f"http://127.0.0.1:{port + 1}"):
            return port
