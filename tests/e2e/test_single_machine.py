"""What docs/single-machine.md describes: backups that can be restored, and the way to AWS."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench.webhooks import webhooks
from cli.local.emulator import free_port
from tests.e2e.local import DEADLINE_SECONDS, Local, running, until

EVENTS = b"".join(event + b"\n" for event in webhooks())
COUNT = EVENTS.count(b"\n")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A stack on SQLite that has stored the webhooks."""
    with running(free_port(), tmp_path_factory.mktemp("single") / "data") as stack:
        triggers(stack, "send", "-", given=EVENTS)
        until(lambda: len(listed(stack)) == COUNT)
        yield stack


def test_the_files_of_a_running_server_are_its_owners_alone(filled: Local) -> None:
    for path in (filled.data, *filled.data.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_backup_of_a_running_server_can_be_restored(filled: Local, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    script = """umask 077; mkdir -p backup
for name in queue groups events keys; do "$PYTHON" -c "$COPY" "$DATA/$name.db" "backup/$name.db"; done
cp -r "$DATA/bodies" "$DATA/api-key" backup/ 2>/dev/null || true"""
    # As `sqlite3 FILE ".backup COPY"`, which not every machine has installed.
    copy = "import sqlite3, sys; a, b = map(sqlite3.connect, sys.argv[1:]); a.backup(b)"
    environ = {**os.environ, "PYTHON": sys.executable, "COPY": copy, "DATA": str(filled.data)}
    subprocess.run(["/bin/sh", "-euc", script], cwd=tmp_path, env=environ, check=True)  # noqa: S603

    with running(free_port(), backup) as restored:
        assert listed(restored) == listed(filled)
        assert (backup / "api-key").read_text() == (filled.data / "api-key").read_text()


def test_an_inbox_moves_to_aws_through_a_pipe_byte_for_byte(filled: Local, tmp_path: Path) -> None:
    with running(free_port(), tmp_path / "data", "--emulator") as aws:
        printed = triggers(filled, "tail", "--once")
        assert b"165 events accepted, 0 refused" in triggers(aws, "send", "-", given=printed)
        until(lambda: len(listed(aws)) == COUNT)
        assert {event.partition(b',"inbox":')[0] for event in listed(aws)} == {
            event.partition(b',"inbox":')[0] for event in listed(filled)
        }


def listed(stack: Local) -> list[bytes]:
    """Return the events of the default inbox as `triggers tail` prints them."""
    return triggers(stack, "tail", "--once").splitlines()


def triggers(stack: Local, *arguments: str, given: bytes = b"") -> bytes:
    """Run a command with the server's own key; return what it prints."""
    announced = msgspec.json.decode((stack.data / "dev.json").read_bytes())
    environ = {**os.environ, "TRIGGERS_URL": announced["url"], "TRIGGERS_API_KEY": announced["api_key"]}
    command = [sys.executable, "-m", "cli", *arguments]
    done = subprocess.run(command, input=given, env=environ, capture_output=True, check=True, timeout=DEADLINE_SECONDS)  # noqa: S603
    return done.stdout
