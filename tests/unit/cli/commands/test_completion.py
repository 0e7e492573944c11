"""Completion of commands and values in each shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from cli.main import triggers


def offered(*words: str) -> list[str]:
    complete = ShellComplete(triggers, {}, "triggers", "_TRIGGERS_COMPLETE")
    return [item.value for item in complete.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["s"], ["send", "serve", "sources", "status"]),
        (["keys", "ro"], ["rotate"]),
        (["keys", "create", "--scope", "inbox:"], ["inbox:read", "inbox:ack"]),
        (["keys", "create", "--expires", "9"], ["90d"]),
        (["keys", "rotate", "ID", "--overlap", "2"], ["24h"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_commands_and_values(words: list[str], values: list[str]) -> None:
    assert offered(*words) == values


def test_the_url_of_the_server_that_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered("send", "--url", "") == []
    (tmp_path / ".triggers").mkdir()
    (tmp_path / ".triggers" / "dev.json").write_text('{"url":"http://127.0.0.1:8000","api_key":"k"}')
    assert offered("send", "--url", "") == offered("ready", "http") == ["http://127.0.0.1:8000"]
    assert offered("status", "--url", "https") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str) -> None:
    done = CliRunner().invoke(triggers, ["completion", shell])
    assert done.exit_code == 0
    assert f"_TRIGGERS_COMPLETE={shell}_complete" in done.stdout


def test_another_shell_has_none() -> None:
    assert CliRunner().invoke(triggers, ["completion", "tcsh"]).exit_code == 2


def test_bash_completes(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash, "every machine that runs script/test has bash: it is written in it"
    script = tmp_path / "try.bash"
    completion = CliRunner().invoke(triggers, ["completion", "bash"]).stdout
    asked = 'COMP_WORDS=(triggers keys ro) COMP_CWORD=2; _triggers_completion triggers; echo "${COMPREPLY[@]}"'
    script.write_text(f"{completion}\n{asked}\n")
    (tmp_path / "triggers").write_text(f"#!/bin/sh\ncd {Path(__file__).parents[3]} && exec {sys.executable} -m cli\n")
    (tmp_path / "triggers").chmod(0o700)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([bash, script], env=environ, capture_output=True, text=True, check=True)  # noqa: S603
    assert (done.stdout, done.stderr) == ("rotate\n", "")
