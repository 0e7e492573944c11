"""The processes of a run: servers on one core, stub and load generator on another; each ends with its context."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import msgspec
import psutil

from bench.cpu import cpu_seconds
from bench.load import Report, Spec
from cli.local import emulator

ROOT = Path(__file__).parent.parent
_START_SECONDS = 30
_STOP_SECONDS = 10
_SHOWN_BYTES = 4000

ALL_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = ALL_CORES[0], ALL_CORES[-1]
"""The measured process has its own core, if there are two."""

UVICORN = ["uvicorn", "--loop", "uvloop", "--http", "httptools", "--ws", "none", "--no-access-log"]
"""The options with which `triggers serve` runs uvicorn."""


class StubServer:
    """The stub's process, and its controls."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def setup(self, **given: Any) -> None:  # noqa: ANN401 (the fields of `bench.stub_aws.Setup`)
        """Forget the last round and prepare the next."""
        self._call("setup", msgspec.json.encode(given))

    def counts(self) -> dict[str, int]:
        """Return what was counted since the last setup; raise `RuntimeError` if the stub could not read a request."""
        answer = msgspec.json.decode(self._call("counts", b""))
        if answer["faults"]:
            raise RuntimeError(f"the stub received unreadable requests: {answer['faults']}")
        counts: dict[str, int] = answer["counts"]
        return counts

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment with the stub as the SDK's endpoint, without a log line per request."""
        kept = {name: value for name, value in os.environ.items() if name not in emulator.MISLEADING}
        client = emulator.client_environment(self.port)
        return {**kept, **client, "AWS_DEFAULT_REGION": "us-east-1", "LOG_LEVEL": "WARNING", **more}

    def _call(self, what: str, content: bytes) -> bytes:
        return httpx.post(f"{self.url}/_bench/{what}", content=content, timeout=120, trust_env=False).content


class Server(msgspec.Struct, frozen=True):
    """A process under measurement."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Return the CPU time it has taken, in steps of 10 ms."""
        return cpu_seconds(psutil.Process(self.pid))


@contextmanager
def stub_aws() -> Iterator[StubServer]:
    """Run the stub of AWS."""
    port = emulator.free_port()
    with _running(["-m", "bench.stub_aws", str(port)], os.environ, (LOAD_CORE,)) as process:
        found = StubServer(port)
        _until_answers(f"{found.url}/_bench/counts", process)
        yield found


@contextmanager
def http_server(
    arguments: list[str], environment: Mapping[str, str], cores: Iterable[int] = (SERVER_CORE,)
) -> Iterator[Server]:
    """Run `python -m ARGUMENTS --port PORT`; enter the context once it answers, with any status."""
    port = emulator.free_port()
    with _running(["-m", *arguments, "--port", str(port)], environment, cores) as process:
        _until_answers(f"http://127.0.0.1:{port}/healthz", process)
        yield Server(process.pid, port)


@contextmanager
def worker(arguments: list[str], environment: Mapping[str, str]) -> Iterator[Server]:
    """Run `python -m ARGUMENTS`."""
    with _running(["-m", *arguments], environment, (SERVER_CORE,)) as process:
        yield Server(process.pid, 0)


def load(spec: Spec) -> Report:
    """Run a load generator until it ends."""
    with pinned(LOAD_CORE):
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"], input=msgspec.json.encode(spec), stdout=subprocess.PIPE, check=True
        )
    return msgspec.json.decode(done.stdout, type=Report)


@contextmanager
def _running(
    arguments: list[str], environment: Mapping[str, str], cores: Iterable[int]
) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as log:
        with pinned(*cores):
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments], env=environment, cwd=ROOT, stdout=log, stderr=log
            )
        try:
            yield process
        except RuntimeError as error:  # its output may say why
            error.add_note(_end_of(log))
            raise
        finally:
            _stop(process)


def _end_of(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _SHOWN_BYTES))
    return log.read().decode(errors="replace")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def pinned(*cores: int) -> Iterator[None]:
    """Pin processes started in this context to `cores`."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _until_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, timeout=2, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{url} does not answer")
