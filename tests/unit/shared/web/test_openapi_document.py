"""`/openapi.json`, as every deployment serves it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from cli.commands.serve import App, create
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web import docs
from tests.serving import client_of

ROOT = Path(__file__).parents[4]
DOCUMENT = msgspec.json.decode(docs.DOCUMENT.read_bytes())


def test_the_document_is_what_the_code_describes() -> None:
    command = [sys.executable, "-m", "openapi", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_it_is_installed_with_the_code() -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["shared"]
    assert docs.DOCUMENT in [path for pattern in packaged for path in (ROOT / "shared").glob(pattern)]


def test_it_holds_the_operations_of_every_part() -> None:
    operations = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}
    assert operations >= {
        ("/v1/events", "post"),
        ("/v1/events/{event_id}", "delete"),
        ("/v1/events/{event_id}", "get"),
        ("/v1/inbox", "get"),
        ("/v1/leases", "post"),
        ("/v1/groups/{group}", "put"),
        ("/v1/dlq/redrive", "post"),
        ("/status", "get"),
    }
    used = {tag for item in DOCUMENT["paths"].values() for operation in item.values() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in DOCUMENT["tags"]}


@pytest.mark.parametrize("app", ["ingest", "inbox", "groups", "console", "all"])
@pytest.mark.parametrize("metrics", [Metrics(), Metrics(scraped=False)], ids=["a server", "a function"])
async def test_every_process_serves_the_whole(app: App, metrics: Metrics) -> None:
    async with client_of(create(app, Settings(), metrics)) as client:
        answer = await client.get("/openapi.json")
        assert (await client.get("/openapi.json")).content == answer.content
    assert answer.headers["content-type"] == docs.MEDIA_TYPE
    assert answer.json() == DOCUMENT
    assert len(answer.content) < 0.8 * docs.DOCUMENT.stat().st_size


async def test_it_has_the_title_and_version_of_the_settings() -> None:
    settings = Settings(api_title='"Events" & more', api_version="7.1")
    named = msgspec.json.decode(docs.named(docs.DOCUMENT.read_bytes(), settings))
    assert named["info"] == DOCUMENT["info"] | {"title": '"Events" & more', "version": "7.1"}
    assert named["paths"] == DOCUMENT["paths"]
