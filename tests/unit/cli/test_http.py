"""Where the API is, and how its errors read."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cli.commands.tail import tail
from cli.http import resolve
from tests.unit.cli.fake_api import Answer, FakeApi

EMPTY = Answer(200, b'{"events":[],"next":"c","more":false}')


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in, and nothing in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRIGGERS_URL", raising=False)
    monkeypatch.delenv("TRIGGERS_API_KEY", raising=False)
    return tmp_path


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(tail, ["--once", *arguments])


def dev_json(here: Path, text: str) -> None:
    (here / ".triggers").mkdir()
    (here / ".triggers" / "dev.json").write_text(text)


def test_an_option_beats_the_environment_beats_dev_json(api: FakeApi, here: Path) -> None:
    api.otherwise = lambda _: EMPTY
    dev_json(here, f'{{"url":"{api.url}","api_key":"from-dev-json","more":"later"}}')
    assert run().exit_code == 0
    assert run(TRIGGERS_API_KEY="from-environment").exit_code == 0
    assert run("--api-key", "from-option", TRIGGERS_API_KEY="from-environment").exit_code == 0
    sent = [asked.headers["authorization"] for asked in api.asked]
    assert sent == ["Bearer from-dev-json", "Bearer from-environment", "Bearer from-option"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "Error: No URL: give --url or set TRIGGERS_URL, or start script/server here.\n"),
        (
            ["--url", "http://127.0.0.1:1"],
            "Error: No API key: give --api-key or set TRIGGERS_API_KEY, or start script/server here.\n",
        ),
        (["--url", "localhost:8000", "--api-key", "k"], "Error: The URL must begin with http:// or https://.\n"),
        (["--url", "http://a", "--api-key", "ключ"], "Error: The API key contains invalid characters.\n"),
    ],
)
@pytest.mark.usefixtures("here")
def test_missing_or_wrong_options_are_one_line(arguments: list[str], line: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 1
    assert done.stderr == line


@pytest.mark.parametrize("url", ["http://[::1", "http://a:b", "http://a\x01b"])
@pytest.mark.usefixtures("here")
def test_an_invalid_url_is_one_line(url: str) -> None:
    done = run("--url", url, "--api-key", "k")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: The URL is invalid")
    assert len(done.stderr.splitlines()) == 1


def test_a_broken_dev_json_is_one_line(here: Path) -> None:
    dev_json(here, "{")
    with pytest.raises(click.ClickException, match="can't be read"):
        resolve(None, None)


def test_a_request_that_cannot_be_sent_is_one_line(api: FakeApi) -> None:
    api.answers = [Answer(200, b"not gzip", (("Content-Encoding", "gzip"),))]
    done = run("--url", api.url, "--api-key", "k")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: The request can't be sent:")


def test_data_names_the_server_whatever_the_environment_says(api: FakeApi, here: Path) -> None:
    api.otherwise = lambda _: EMPTY
    dev_json(here, f'{{"url":"{api.url}","api_key":"from-data"}}')
    data = ["--data", str(here / ".triggers")]
    assert run(*data, TRIGGERS_URL="http://127.0.0.1:1", TRIGGERS_API_KEY="k").exit_code == 0
    assert run(*data, "--api-key", "from-option").exit_code == 0
    assert [asked.headers["authorization"] for asked in api.asked] == ["Bearer from-data", "Bearer from-option"]
    assert "Specify --url or --data, not both." in run(*data, "--url", api.url).stderr


def test_data_without_a_server_is_one_line(here: Path) -> None:
    done = run("--data", str(here))
    assert done.stderr == f"Error: No server runs on {here}; `triggers dev --data {here}` starts one.\n"
