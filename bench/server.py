"""A server as `script/server` starts it, its processes and their memory, for benchmarks that talk to it over HTTP."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from bench.processes import ROOT
from cli.local import emulator

_START_SECONDS = 180
_STOP_SECONDS = 60
_MIB = 1024 * 1024


class Server(msgspec.Struct):
    """The contents of `dev.json` of a running server."""

    url: str
    api_key: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request with JSON."""
        return {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}


class Listed(msgspec.Struct):
    """An event on a page."""

    id: str


class Page(msgspec.Struct):
    """An answer of `GET /v1/inbox`."""

    events: list[Listed]
    next: str
    more: bool


@contextmanager
def serving(directory: Path, *arguments: str) -> Iterator[tuple[psutil.Process, Server]]:
    """Start `script/server` with its data in `directory` and further `arguments`; stop it at the end of the context."""
    data = directory / "triggers"
    command = [str(ROOT / "script" / "server"), "--port", str(emulator.free_port()), "--data", str(data), *arguments]
    log = directory / "log"
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "LOG_LEVEL": "WARNING"})  # noqa: S603
        try:
            yield psutil.Process(process.pid), _announced(process, data / "dev.json", log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_STOP_SECONDS)


def _announced(process: "subprocess.Popen[bytes]", file: Path, log: Path) -> Server:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return msgspec.json.decode(file.read_bytes(), type=Server)
        except FileNotFoundError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{log.read_text(encoding='utf-8')}") from None
        time.sleep(0.01)


def parts(server: psutil.Process) -> dict[str, psutil.Process]:
    """Return the server's own child processes by name: `worker`, `api`, and `emulator` if there is one."""
    names = {"ministack": "emulator", "worker": "worker", "serve": "api"}
    found = {}
    for process in server.children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.Error:  # it has ended
            continue
        if name := next((name for word, name in names.items() if word in command), None):
            found[name] = process
    return found


def memory_mib(process: psutil.Process) -> float:
    """Return the resident memory of a process."""
    return float(process.memory_info().rss) / _MIB
