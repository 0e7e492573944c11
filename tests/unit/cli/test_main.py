import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main

ROOT = Path(__file__).parents[3]
PYPROJECT = ROOT / "pyproject.toml"
SLOW_TO_LOAD = {"aioboto3", "botocore", "httpx", "litestar", "rich", "uvicorn"}
PROBE = f"""
import sys
from cli.main import triggers
from cli.root import error_message
triggers(["--help"], standalone_mode=False)
assert error_message(ZeroDivisionError()) is None
print({SLOW_TO_LOAD} & sys.modules.keys())
"""


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr("sys.argv", ["triggers", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return ended.value.code


def test_help_lists_every_command_under_its_purpose() -> None:
    done = CliRunner().invoke(main.triggers, ["--help"])
    assert done.exit_code == 0
    lines = [line for line in done.output.splitlines() if line]
    assert {"Run it:", "Operate it:", "Use it:", "This command:"} <= set(lines)
    assert set(main.triggers.commands) <= {line.split()[0] for line in lines}
    assert not any("..." in line for line in lines[3:])


def test_the_version_is_the_installed_one() -> None:
    done = CliRunner().invoke(main.triggers, ["--version"])
    number = done.output.removeprefix("triggers ").strip()
    assert f'version = "{number}"' in PYPROJECT.read_text().splitlines()


def test_every_invalid_variable_is_reported_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENT_TTL_DAYS", "many")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    assert run(monkeypatch, "worker") == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("=")[0] for line in lines] == ["Invalid setting: LOG_LEVEL", "Invalid setting: EVENT_TTL_DAYS"]


def test_a_known_error_is_reported_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "000000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert run(monkeypatch, "provision") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"Error: http://127.0.0.1:{free_port} can't be reached (Connection refused): check AWS_REGION (us-east-1),"
        " AWS_ENDPOINT_URL and the network.\n"
    )


def test_help_and_completion_load_no_slow_module() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "set()"
