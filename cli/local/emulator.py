"""The local stand-in for SQS, DynamoDB and S3: how to start it and how to reach it.

ministack lives in an environment of its own, `.venv-emulator`, since it needs another botocore than we do.
Its state is per region and per 12-digit access key, so every process must use `client_environment`.
"""

import socket
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PYTHON = _ROOT / ".venv-emulator" / "bin" / "python"
_TETHER = Path(__file__).with_name("parent_death_signal.py")
_PROBE_SECONDS = 2.0

STOP_SECONDS = 30.0
"""After SIGTERM it writes its state, unless it is killed first; a large one takes seconds."""


def tied_to_parent(command: list[str]) -> list[str]:
    """Return `command` such that it is told to stop when the process that starts it dies, however it dies."""
    return [sys.executable, "-I", "-S", str(_TETHER), *command]


def command() -> list[str]:
    """Return what starts the emulator; raise FileNotFoundError with one clear line if it is not installed."""
    if not _PYTHON.exists():
        raise FileNotFoundError(
            "The emulator is not installed. Run script/test or script/server once; they install it."
        )
    return tied_to_parent([str(_PYTHON), "-m", "ministack"])


def server_environment(environ: Mapping[str, str], *, port: int, state: Path) -> dict[str, str]:
    """Return the emulator's own environment: it listens on loopback and keeps all state under `state`."""
    return {
        **environ,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "S3_PERSIST": "1",
        "SERVICES": "sqs,dynamodb,s3",
        "STATE_DIR": str(state / "state"),
        # It leaves a file named for its port in the temporary directory.
        "TMPDIR": str(state),
    }


def client_environment(port: int) -> dict[str, str]:
    """Return the variables that send the SDK to the emulator on `port`, and nowhere else."""
    return {
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


MISLEADING = (
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
)
"""Variables that would lead the SDK away from the emulator."""


def health_url(port: int) -> str:
    """Return the address that answers 200 once the emulator on `port` serves."""
    return f"http://127.0.0.1:{port}/_ministack/health"


def answers(url: str) -> bool:
    """Tell whether a GET of `url` answers 200 now; waits at most 2 s."""
    from urllib.request import ProxyHandler, build_opener  # noqa: PLC0415 (most commands don't need it)

    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_PROBE_SECONDS):
            return True
    except OSError:
        return False


def free_port() -> int:
    """Return a loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
