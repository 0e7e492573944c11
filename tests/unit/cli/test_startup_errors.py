import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.startup_errors import logging_startup_errors
from shared.model.errors import InvalidSettings
from tests.unit.shared.aws.scripted import client_error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ExceptionGroup("g", [ExceptionGroup("g", [InvalidSettings(["A=1: no"])])]), "A=1: no"),
        (client_error("ExpiredToken"), "The AWS session has expired: "),
        (ZeroDivisionError("hidden"), "ZeroDivisionError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
async def test_the_reason_for_a_failed_start_is_logged(
    error: BaseException, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (scope["type"], receive, send) == ("lifespan", 1, 2)
        raise error

    with caplog.at_level(logging.ERROR), pytest.raises(type(error)):
        await logging_startup_errors(app)({"type": "lifespan"}, 1, 2)
    [record] = caplog.records
    assert record.getMessage() == "start or end failed"
    assert record.__dict__["error"].startswith(line)
    assert record.exc_info is None


async def test_a_request_passes_through(caplog: pytest.LogCaptureFixture) -> None:
    async def app(*given: Any) -> None:
        assert given == ({"type": "http"}, 1, 2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await logging_startup_errors(app)({"type": "http"}, 1, 2)
    assert caplog.records == []


def test_serve_logs_the_reason_and_exits() -> None:
    command = [sys.executable, "-m", "cli", "serve", "ingest"]
    environ = {**os.environ, "AWS_PROFILE": "no-such-profile"}
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 3
    assert '"error":"No AWS profile no-such-profile: check AWS_PROFILE."' in done.stderr
