"""`triggers status` as a command: what is printed where, and the exit code."""

import re
import time
from email.utils import formatdate
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from cli.local import emulator
from cli.main import triggers
from tests.unit.cli.fake_api import Answer, FakeApi
from tests.unit.cli.fake_aws import WELL, Refusal, serve

STATE = msgspec.json.encode({"name": "T", "version": "1", "uptime_seconds": 7300, "health": "ok"})


def run(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner(env={"TRIGGERS_URL": "", **environ}).invoke(triggers, ["status", *arguments])


def test_a_healthy_deployment(api: FakeApi) -> None:
    environ = serve(api, WELL)
    of_aws = api.otherwise
    api.otherwise = lambda asked: Answer(200, STATE) if asked.path in ("/readyz", "/status") else of_aws(asked)
    done = run(environ, "--url", f"{api.url}/")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "0 waiting, 0 in flight" in done.stdout
    assert "ACTIVE, TTL on, recovery on" in done.stdout
    assert "ready, version 1, up 2h" in done.stdout
    assert done.stdout.splitlines()[-1] == "Healthy."


def test_a_problem_sets_the_exit_code_and_reveals_no_secret(api: FakeApi) -> None:
    expired = Refusal("ExpiredTokenException", "the-token")
    missing = {"GetQueueUrl": Refusal("QueueDoesNotExist"), "HeadBucket": Refusal("", status=404)}
    environ = serve(api, {**WELL, "DescribeTable": expired, **missing})
    done = run(environ)
    assert (done.exit_code, done.stderr) == (1, "")
    assert "missing" in done.stdout
    assert "?" in done.stdout
    said = [line for line in done.stdout.splitlines() if line.startswith("! ")]
    assert len(said) == 4
    assert "! The AWS session has expired: log in again" in done.stdout
    assert "the-token" not in done.stdout
    assert "the-secret" not in done.stdout


def test_a_clock_that_is_wrong(api: FakeApi) -> None:
    environ = serve(api, WELL)
    api.date = lambda: formatdate(time.time() + 100_000, usegmt=True)
    done = run(environ)
    assert (done.exit_code, done.stderr) == (1, "")
    [said] = [line for line in done.stdout.splitlines() if line.startswith("! ")]
    assert re.match(r"! The clock of this machine is (99,99\d|100,000)\.\d s behind:", said)


def test_a_local_server_is_checked_with_its_api(
    api: FakeApi, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in emulator.client_environment(free_port).items():
        monkeypatch.setenv(name, value)  # the command sets them, so they are put back
    (tmp_path / "emulator-port").write_text(api.url.rpartition(":")[2])
    (tmp_path / "dev.json").write_text(f'{{"url":"http://127.0.0.1:{free_port}","api_key":"k"}}')
    environ = {**serve(api, WELL), "TRIGGERS_URL": "http://127.0.0.1:1"}
    done = run(environ, "--data", str(tmp_path), "--json")
    assert (done.exit_code, done.stderr) == (1, "")
    reported = msgspec.json.decode(done.stdout)
    assert reported["api"] == {
        "url": f"http://127.0.0.1:{free_port}",
        "ready": False,
        "version": None,
        "uptime_seconds": None,
    }
    assert (reported["healthy"], len(reported["problems"])) == (False, 1)


def test_an_invalid_url_is_one_line() -> None:
    done = run({}, "--url", "localhost:8000")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "Error: The URL must begin with http:// or https://.\n"
