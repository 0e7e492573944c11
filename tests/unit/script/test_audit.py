"""`script/audit.py` asks the registry that pip is configured to use, and has an exit code for each outcome."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "script" / "audit.py"
CLEAN: dict[str, list[object]] = {"vulnerabilities": []}
FOUND = {
    "vulnerabilities": [
        {
            "id": "PYSEC-1",
            "aliases": ["CVE-1"],
            "fixed_in": ["999"],
            "summary": "It leaks.",
            "published": "2026-01-01T00:00:00Z",
        }
    ]
}
# So that the test has one outcome, also when the base has grown old.
RUN = """
import sys, datetime
sys.path.insert(0, SCRIPTS)
import audit
sys.exit(audit.main(sys.argv[1:], datetime.date(*TODAY)))
"""


class Registry(ThreadingHTTPServer):
    """A registry on loopback with one answer to everything; records the paths and credentials of requests."""

    daemon_threads = True

    def __init__(self, answer: object, status: int) -> None:
        self.answer = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.status = status
        self.asked: list[tuple[str, str | None]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def index(self) -> str:
        return f"http://user:pass-word@127.0.0.1:{self.server_port}/mirror/simple/"


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(answer: object, status: int = 200) -> Iterator[Registry]:
    with Registry(answer, status) as registry:
        thread = Thread(target=registry.serve_forever)
        thread.start()
        try:
            yield registry
        finally:
            registry.shutdown()
            thread.join()


def run(index: str, *arguments: str, today: str = "2026, 11, 23") -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environ = {**kept, "PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull}
    program = RUN.replace("SCRIPTS", repr(str(SCRIPT.parent))).replace("TODAY", f"({today})")
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environ, check=False, capture_output=True, text=True, timeout=120)  # noqa: S603


def test_all_locked_releases_are_looked_up_at_the_configured_registry() -> None:
    with serving(CLEAN) as registry:
        done = run(registry.index)
    assert (done.returncode, done.stderr) == (0, "No known vulnerabilities found\n")
    paths = {path for path, _ in registry.asked}
    assert all(re.fullmatch(r"/mirror/pypi/[a-z0-9-]+/[\w.]+/json", path) for path in paths)
    locked = re.findall(
        r"^[\w.-]+==", (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(paths) >= len(locked) - 5  # a few are for other systems
    assert {authorization for _, authorization in registry.asked} == {"Basic dXNlcjpwYXNzLXdvcmQ="}


def test_a_vulnerability_is_a_finding() -> None:
    with serving(FOUND) as registry:
        done = run(registry.index)
    assert done.returncode == 1
    assert "PYSEC-1" in done.stdout


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ({"info": {}}, 200, "does not list vulnerabilities, as PyPI does"),
        (b"<html>", 200, "does not list vulnerabilities, as PyPI does"),
        (b"no", 404, r"answers 404 to /pypi/[\w.-]+/[\w.]+/json"),
        (b"no", 403, r"answers 403 to /pypi/[\w.-]+/[\w.]+/json"),
    ],
)
def test_a_registry_without_such_data_is_no_clean_result(answer: object, status: int, reason: str) -> None:
    with serving(answer, status) as registry:
        done = run(registry.index)
    assert done.returncode == 3
    expected = (
        f"script/audit: the dependencies were not checked: the registry 127.0.0.1 {reason}; try script/audit -s osv.\n"
    )
    assert re.fullmatch(expected, done.stderr)
    assert "pass-word" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [(), ("-s", "osv", "--osv-url", "http://127.0.0.1:1/v1/query")])
def test_a_service_that_can_not_be_reached_is_no_clean_result(arguments: tuple[str, ...]) -> None:
    done = run("http://127.0.0.1:1/simple", *arguments)
    assert done.returncode == 3
    assert done.stderr.startswith("script/audit: the dependencies were not checked: ")
    assert "Traceback" not in done.stderr


def test_a_wrong_command_line_has_its_own_code() -> None:
    assert run("http://127.0.0.1:1/simple", "--no-such-option").returncode == 2


def test_an_old_base_of_the_image_is_a_finding() -> None:
    with serving(CLEAN) as registry:
        done = run(registry.index, today="2099, 1, 1")
    assert done.returncode == 1
    assert "script/audit: the image's base was chosen 26" in done.stderr
