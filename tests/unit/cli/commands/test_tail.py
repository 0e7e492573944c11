"""`triggers tail`: its output, byte for byte, and where it resumes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.commands.tail import tail
from shared.model import cursor, position
from tests.unit.cli.fake_api import Answer, Asked, FakeApi, problem

ROOT = Path(__file__).parents[3]
FIRST = cursor.encode(position.FIRST, "default")


def page(*events: bytes, following: str = FIRST, more: bool = False) -> Answer:
    flag = b"true" if more else b"false"
    return Answer(200, b'{"events":[%b],"next":"%b","more":%b}' % (b",".join(events), following.encode(), flag))


def run(api: FakeApi, *arguments: str) -> Result:
    options = ["--url", api.url + "/", "--api-key", "trg_k_s", *arguments]
    return CliRunner().invoke(tail, options)


def after(asked: Asked) -> str | None:
    return asked.query.get("after", [None])[0]


def test_once_prints_all_events_from_the_start(api: FakeApi) -> None:
    api.answers = [
        page(b'{"data": 1e999 }', b'{"b":"\xf0\x9f\x98\x80"}', following="c1", more=True),
        page(following="c2", more=True),
        page(b'{"c":1.0}', following="c3"),
    ]
    done = run(api, "--once", "--inbox", "orders")
    assert done.exit_code == 0, done.output
    assert done.stdout_bytes == b'{"data": 1e999 }\n{"b":"\xf0\x9f\x98\x80"}\n{"c":1.0}\n'
    assert done.stderr == "cursor: c3\n"
    assert [after(asked) for asked in api.asked] == [None, "c1", "c2"]
    assert all(asked.path == "/v1/inbox" and asked.query["inbox"] == ["orders"] for asked in api.asked)


def test_an_event_is_one_line_whatever_white_space_it_holds(api: FakeApi) -> None:
    api.answers = [page(b'{"data":{\r\n "a": "\\n"\n}}')]
    assert run(api, "--once").stdout_bytes == b'{"data":{   "a": "\\n" }}\n'


def test_resumes_after_a_cursor(api: FakeApi) -> None:
    api.answers = [page(b"{}", following="c2")]
    assert run(api, "--once", "--after", "c1").stderr == "cursor: c2\n"
    assert after(api.asked[0]) == "c1"


def test_follows_until_it_is_refused_and_prints_its_cursor(api: FakeApi) -> None:
    api.answers = [page(b'{"a":1}', following="c1"), page(following="c1"), page(b'{"a":2}', following="c2")]
    api.otherwise = lambda _: problem(401, "The API key was revoked.")
    done = run(api, "--from-start")
    assert done.exit_code == 1
    assert done.stdout == '{"a":1}\n{"a":2}\n'
    assert done.stderr == "cursor: c2\nError: 401: The API key was revoked.\n"


def test_long_polls_except_for_the_current_cursor_and_with_once(api: FakeApi) -> None:
    api.answers = [page(following="c1"), page(b"{}", following="c2")]
    api.otherwise = lambda _: problem(403, "enough")
    run(api)
    api.answers = [page()]
    run(api, "--once")
    assert [asked.query.get("wait") for asked in api.asked] == [None, ["20"], ["20"], None]


def test_by_default_starts_at_the_api_s_current_time(api: FakeApi) -> None:
    api.answers = [page(b'{"old":1}', following="c1", more=True), page(b'{"new":1}', following="c2")]
    api.otherwise = lambda _: problem(403, "enough")
    done = run(api)
    assert done.stdout == '{"new":1}\n'
    began = cursor.decode(after(api.asked[1]) or "", "default").position
    assert position.time_of(began) == 1_795_366_800_000


def test_without_a_date_header_it_uses_the_local_clock(api: FakeApi) -> None:
    api.answers = [Answer(200, page().body, (("Date", "no date"),))]
    api.otherwise = lambda _: problem(403, "enough")
    run(api)
    assert cursor.decode(after(api.asked[1]) or "", "default")


def test_waits_while_the_api_is_down_or_busy(api: FakeApi) -> None:
    trouble = [problem(503, "down", retry_after="0")] * 10 + [problem(429, "slower", retry_after="0")] * 3
    api.answers = [page(following="c1"), *trouble, page(b'{"a":1}', following="c2")]
    api.otherwise = lambda _: problem(403, "enough")
    done = run(api, "--from-start")
    assert done.stdout == '{"a":1}\n'
    assert done.stderr.startswith("503: down; retrying in 0.0 s\nConnected again.\n")


def test_once_gives_up(api: FakeApi) -> None:
    api.otherwise = lambda _: problem(503, "down", retry_after="0")
    done = run(api, "--once")
    assert done.exit_code == 1
    assert "Error: 503: down, 8 times." in done.stderr
    assert "cursor" not in done.stderr


def test_an_invalid_page_is_reported_on_one_line(api: FakeApi) -> None:
    api.answers = [Answer(200, b"<html>")]
    done = run(api, "--once")
    assert done.exit_code == 1
    assert done.stderr == "Error: /v1/inbox answered with something else than a page of events.\n"


@pytest.mark.parametrize("arguments", [["--from-start", "--after", "c"], ["--inbox", "A"]])
def test_contradictory_arguments(api: FakeApi, arguments: list[str]) -> None:
    assert run(api, *arguments).exit_code == 2
    assert not api.asked


def test_ctrl_c_prints_the_cursor(api: FakeApi) -> None:
    api.otherwise = lambda _: page(following="c1")
    api.answers = [page(b'{"a":1}', following="c1")]
    command = [sys.executable, "-m", "cli", "tail", "--url", api.url, "--api-key", "k", "--from-start"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdout.readline() == b'{"a":1}\n'
        while len(api.asked) < 2:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, reported = process.communicate(timeout=60)
    assert process.returncode == 130
    assert reported == b"cursor: c1\n"
