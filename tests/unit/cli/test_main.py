import pytest
from click.testing import CliRunner

from cli import main


def test_help_names_every_command() -> None:
    done = CliRunner().invoke(main.triggers, ["--help"])
    assert done.exit_code == 0
    assert {"dev", "provision", "serve", "worker"} <= {line.split()[0] for line in done.output.splitlines() if line}


def test_every_fault_of_the_environment_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INBOX_SHARDS", "many")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.setattr("sys.argv", ["triggers", "worker"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    lines = capsys.readouterr().err.splitlines()
    assert ended.value.code == 1
    assert [line.split("=")[0] for line in lines] == ["Invalid setting: LOG_LEVEL", "Invalid setting: INBOX_SHARDS"]


def test_an_error_of_ours_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "000000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr("sys.argv", ["triggers", "provision"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("Error: provisioning failed: ")
