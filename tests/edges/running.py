"""A server under attack: a process of its own, with what can be seen of it from outside."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.edges import good_client

ROOT = Path(__file__).parents[2]
MB = 1024 * 1024
BURST = 1000
"""Of the hostile key, so that a batch of 1,000 events is within it, and so are 1,000 waits."""


Attack = Callable[["Running"], Awaitable[None]]


class Running:
    """A server that answers on `port`; `token` is a key for everything, `hostile` that of a tenant with a rate of 1."""

    def __init__(self, port: int, tokens: Mapping[str, str], pid: int) -> None:
        self.port = port
        self.token, self.hostile = tokens["token"], tokens["hostile"]
        self._proc = Path(f"/proc/{pid}")

    def rss_mb(self) -> float:
        return self._status("VmRSS")

    def forget_peak(self) -> None:
        (self._proc / "clear_refs").write_text("5", encoding="ascii")

    def peak_mb(self) -> float:
        """The most since `forget_peak`."""
        return self._status("VmHWM")

    def cpu_seconds(self) -> float:
        """The CPU time that it has taken."""
        fields = (self._proc / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def refusals(self) -> dict[str, float]:
        """What the server counted, by reason."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        counted = [line for line in lines if line.startswith("triggers_http_refusals_total{")]
        return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in counted}

    def _status(self, name: str) -> float:
        lines = (self._proc / "status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


@contextmanager
def running(**environment: str) -> Iterator[Running]:
    """Run a server with these settings."""
    port = _free_port()
    child = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "tests.edges.server", str(port)],
        cwd=ROOT,
        env={**os.environ, "LOG_LEVEL": "ERROR", **environment},
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    with child:
        try:
            tokens = json.loads(child.stdout.readline())
            _wait_for(port)
            yield Running(port, tokens, child.pid)
        finally:
            child.terminate()
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                raise


async def p99_beside(attack: Attack, server: Running) -> float:
    """Run an attack; return the p99 that a well-behaved client saw meanwhile, in milliseconds."""
    good = await asyncio.create_subprocess_exec(
        sys.executable, good_client.__file__, str(server.port), server.token, stdin=-1, stdout=-1
    )
    assert good.stdout is not None
    try:
        await good.stdout.readline()
        await attack(server)
        output, _ = await good.communicate(b"\n")
    finally:
        with suppress(ProcessLookupError):
            good.kill()
    seen = json.loads(output)
    assert seen["failures"] == 0
    return float(seen["p99_ms"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server did not start")
