"""The emulator of SQS, DynamoDB, S3 and KMS: the commands and variables to start it and to connect to it.

The emulator, ministack, is installed in a separate environment, `.venv-emulator`, because it needs another version of
botocore. It keeps separate state for each region and each 12-digit access key, so every process must use
`client_environment`.
"""

import socket
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PYTHON = _ROOT / ".venv-emulator" / "bin" / "python"
_PARENT_DEATH_SIGNAL = Path(__file__).with_name("parent_death_signal.py")
_PROBE_SECONDS = 2.0

STOP_SECONDS = 30.0
"""After SIGTERM the emulator saves its state, which takes seconds if it is large."""


def tied_to_parent(command: list[str]) -> list[str]:
    """Wrap `command` so that it receives SIGTERM when the process that starts it ends, however it ends (Linux only)."""
    return [sys.executable, "-I", "-S", str(_PARENT_DEATH_SIGNAL), *command]


def command() -> list[str]:
    """Return the command that starts the emulator; raise `FileNotFoundError` if it is not installed."""
    if not _PYTHON.exists():
        raise FileNotFoundError("The emulator is not installed. Run script/test or script/server once to install it.")
    return tied_to_parent([str(_PYTHON), "-m", "ministack"])


def server_environment(environ: Mapping[str, str], *, port: int, state: Path) -> dict[str, str]:
    """Return the emulator's environment: it listens on loopback and keeps all state under `state`."""
    return {
        **environ,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "S3_PERSIST": "1",
        "SERVICES": "sqs,dynamodb,s3,kms",
        "STATE_DIR": str(state / "state"),
        # The emulator leaves a file named after its port in the temporary directory.
        "TMPDIR": str(state),
    }


def client_environment(port: int) -> dict[str, str]:
    """Return the variables that direct the SDK to the emulator on `port`, and nowhere else."""
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
"""Variables that would direct the SDK to another endpoint or account."""


def health_url(port: int) -> str:
    """Return the URL that answers 200 once the emulator on `port` is ready."""
    return f"http://127.0.0.1:{port}/_ministack/health"


def answers(url: str) -> bool:
    """Return whether a GET of `url` succeeds; waits at most 2 s."""
    from urllib.request import ProxyHandler, build_opener  # noqa: PLC0415 (most commands don't need it)

    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_PROBE_SECONDS):
            return True
    except OSError:
        return False


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
