"""`triggers status --data DIR` on SQLite."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from cli.main import triggers
from shared.clock import SystemClock
from shared.ports import Outgoing
from shared.settings import Settings
from shared.sqlite.backend import SqliteBackend


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(backend="sqlite", data_dir=str(tmp_path), inbox_shards=1)


async def _fill(settings: Settings) -> None:
    backend = SqliteBackend(settings, SystemClock())
    queue, dlq = await backend.queue(), await backend.dlq()
    await queue.send([Outgoing(body="a"), Outgoing(body="b"), Outgoing(body="c", delay_seconds=60)])
    assert len(await queue.receive(limit=1, wait_seconds=0, visibility_seconds=60)) == 1
    await dlq.send([Outgoing(body="d")])
    await backend.event_store()
    await backend.keys()
    await backend.groups()
    await backend.aclose()


def test_messages_files_and_problems_are_reported(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIGGERS_URL", raising=False)
    asyncio.run(_fill(settings))
    for name in ("BACKEND", "DATA_DIR"):
        monkeypatch.setenv(name, "")
    done = CliRunner().invoke(triggers, ["status", "--data", settings.data_dir, "--json"])
    report = msgspec.json.decode(done.stdout)
    assert (done.exit_code, report["healthy"]) == (1, False)
    assert report["queue"] == {"waiting": 1, "in_flight": 1, "delayed": 1}
    assert report["dlq"] == {"waiting": 1, "in_flight": 0, "delayed": 0}
    assert [(file["name"], file["bytes"] > 0) for file in report["files"]] == [
        ("queue.db", True),
        ("events.db", True),
        ("keys.db", True),
        ("groups.db", True),
    ]
    assert report["problems"][0].startswith("1 message is in the DLQ")
    assert (
        "1 waiting, 1 in flight, 1 delayed"
        in CliRunner().invoke(triggers, ["status", "--data", settings.data_dir]).stdout
    )


def test_a_directory_without_files_is_a_problem(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BACKEND", "DATA_DIR", "TRIGGERS_URL"):
        monkeypatch.setenv(name, "")
    done = CliRunner().invoke(triggers, ["status", "--data", settings.data_dir, "--json"])
    assert done.exit_code == 1
    assert "queue.db does not exist: start `triggers dev`." in msgspec.json.decode(done.stdout)["problems"]


def test_a_missing_directory_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(triggers, ["status", "--data", str(tmp_path / "none")])
    assert done.exit_code == 1
    assert "does not exist; `triggers dev --data" in done.stderr


def test_provisioning_sqlite_is_refused_in_one_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND", "sqlite")
    monkeypatch.setenv("DATA_DIR", settings.data_dir)
    done = CliRunner().invoke(triggers, ["provision"])
    assert (done.exit_code, done.stderr) == (
        1,
        "Error: SQLite needs no provisioning: files are created when they are first used.\n",
    )


def test_the_server_of_this_directory_is_checked_unless_a_backend_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRIGGERS_URL", "BACKEND", "DATA_DIR"):
        monkeypatch.setenv(name, "")
    asyncio.run(_fill(settings))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".triggers").symlink_to(settings.data_dir)
    (tmp_path / ".triggers" / "dev.json").write_text('{"url":"http://127.0.0.1:1","api_key":"k"}')
    report = msgspec.json.decode(CliRunner().invoke(triggers, ["status", "--json"]).stdout)
    assert report["api"]["url"] == "http://127.0.0.1:1"
    assert {file["name"] for file in report["files"]} >= {"groups.db"}
