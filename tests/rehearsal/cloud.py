"""The emulator as a small AWS: all services, IAM enforced, nothing kept."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from cli.local import emulator

ACCOUNT = "000000000000"
REGION = "us-east-1"
PYTHON = str(Path(__file__).parents[2] / ".venv-emulator" / "bin" / "python")
_START_SECONDS = 60


@contextlib.contextmanager
def running(state: Path) -> Iterator[int]:
    """Start it; give the port on loopback that all its services share, and end it afterwards."""
    port = emulator.free_port()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": os.environ.get("EMULATOR_LOG_LEVEL", "WARNING"),
        "S3_DATA_DIR": str(state / "s3"),
        "STATE_DIR": str(state / "state"),
        "TMPDIR": str(state),
    }
    with (state / "emulator.log").open("wb") as log:
        command = emulator.tied_to_parent([PYTHON, "-m", "ministack"])
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)  # noqa: S603 (the emulator)
        try:
            _await_start(process, port)
            yield port
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(emulator.STOP_SECONDS)
            process.kill()
            process.wait()


def environment(port: int) -> dict[str, str]:
    """Return what leads the SDKs, in Python and in Node, to the emulator on `port` as its account's root."""
    kept = {name: value for name, value in os.environ.items() if name not in emulator.MISLEADING}
    return {
        **kept,
        **emulator.client_environment(port),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
    }


def _await_start(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not emulator.answers(emulator.health_url(port)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError("the emulator did not start")
        time.sleep(0.1)
