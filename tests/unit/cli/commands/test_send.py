"""`triggers send`: the requests, the output, and when it gives up."""

import signal
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import msgspec
import pytest
from click.testing import CliRunner, Result

from cli.commands.send import send
from cli.samples import NAMES
from ingest.formats.fields import PostedEvent
from tests.unit.cli.fake_api import Answer, FakeApi, problem

ROOT = Path(__file__).parents[3]
LINES = b"".join(b'{"type":"t","data":{"n": %d, "x":1e999}}\n' % number for number in range(25))


def run(api: FakeApi, *arguments: str, content: bytes = LINES) -> Result:
    return invoke(api, "-", *arguments, content=content)


def invoke(api: FakeApi, *arguments: str, content: bytes = b"") -> Result:
    return CliRunner().invoke(send, ["--url", api.url, "--api-key", "trg_k_s", *arguments], input=content)


def test_lines_arrive_unchanged(api: FakeApi) -> None:
    done = run(api, "--batch", "10", "--inbox", "orders")
    assert done.exit_code == 0, done.output
    assert done.stdout == "25 events accepted, 0 refused.\n"
    bodies = sorted((asked.body[1:-1] for asked in api.asked), key=LINES.replace(b"\n", b",").index)
    assert b",".join(bodies) == LINES.strip().replace(b"\n", b",")
    for asked in api.asked:
        assert (asked.method, asked.path, asked.query) == ("POST", "/v1/events", {"inbox": ["orders"]})
        assert asked.headers["authorization"] == "Bearer trg_k_s"
        assert asked.headers["content-type"] == "application/json"


def test_a_file_and_its_copy_on_standard_input_have_the_same_keys(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "events").write_bytes(LINES)
    CliRunner().invoke(send, [str(tmp_path / "events"), "--url", api.url, "--api-key", "k", "--batch", "10"])
    run(api, "--batch", "10")
    keys = sorted(asked.headers["idempotency-key"] for asked in api.asked)
    assert keys[0::2] == keys[1::2]
    assert len(set(keys)) == 3


def test_fresh_events_have_new_keys(api: FakeApi) -> None:
    run(api)
    run(api, "--fresh")
    run(api, "--fresh")
    assert len({asked.headers["idempotency-key"] for asked in api.asked}) == 3


@pytest.mark.parametrize(
    "trouble",
    [
        problem(429, "slower", retry_after="0"),
        problem(503, "full", retry_after="0"),
        problem(503, "full", retry_after="Sun, 22 Nov 2020 17:00:00 GMT"),
        problem(502, "gateway", retry_after="soon"),
        Answer(504),
        Answer(0),
    ],
)
def test_a_request_is_repeated_with_the_same_key(api: FakeApi, trouble: Answer) -> None:
    api.answers = [trouble]
    done = run(api)
    assert done.exit_code == 0, done.output
    first, second = api.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    assert ("retrying" in done.stderr) == (trouble.status != 429)


def test_rate_limiting_is_never_a_reason_to_give_up(api: FakeApi) -> None:
    api.answers = [problem(429, "slower", retry_after="0")] * 30
    assert run(api).exit_code == 0


def test_gives_up_on_a_service_that_stays_down(api: FakeApi) -> None:
    api.otherwise = lambda _: problem(503, "full", retry_after="0")
    done = run(api, "--in-flight", "1")
    assert done.exit_code == 1
    assert done.stdout == "0 events accepted, 0 refused.\n"
    assert "Error: 503: full, 8 times." in done.stderr
    assert "Not everything was sent; repeat the command to send the rest." in done.stderr
    assert len(api.asked) == 8


def test_faults_are_reported_by_line(api: FakeApi) -> None:
    api.answers = [problem(400, "bad", ("`type` is missing.", "/2/type"), ("Odd.", ""), ("Worse.", "/99/x"))]
    done = run(api, content=b"\n" + LINES)
    assert done.exit_code == 1
    assert done.stdout == "0 events accepted, 25 refused.\n"
    assert done.stderr == "lines 2-26 refused, 400: bad\n  line 4: `type` is missing.\n  Odd.\n  Worse.\n"


def test_only_the_first_faults_are_listed(api: FakeApi) -> None:
    api.answers = [problem(400, "bad", *[("Odd.", f"/{index}") for index in range(25)])]
    assert run(api).stderr.splitlines()[-1] == "  and 6 more faults"


def test_a_refused_batch_or_bad_line_does_not_affect_others(api: FakeApi) -> None:
    api.answers = [Answer(413, b"<html>")]
    done = run(api, "--batch", "10", "--in-flight", "1", content=LINES + b"nope\n")
    assert done.exit_code == 1
    assert done.stdout == "15 events accepted, 11 refused.\n"
    assert "lines 1-10 refused, 413: " in done.stderr
    assert "line 26 is not JSON" in done.stderr


@pytest.mark.parametrize("status", [401, 403, 404, 405, 415, 500, 200])
def test_an_answer_that_applies_to_every_batch_ends_the_command(api: FakeApi, status: int) -> None:
    api.otherwise = lambda _: problem(status, "no")
    done = run(api, "--batch", "1", "--in-flight", "1")
    assert done.exit_code == 1
    assert f"Error: {status}: no" in done.stderr
    assert len(api.asked) == 1


def test_an_interrupt_reports_what_was_accepted(api: FakeApi) -> None:
    api.answers = [Answer(202, b'{"accepted":10,"events":[]}')]
    api.otherwise = lambda _: problem(503, "down", retry_after="9")
    arguments = ["--url", api.url, "--api-key", "k", "--batch", "10", "--in-flight", "1", "--fresh", "--json"]
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "cli", "send", "-", *arguments], stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        process.stdin.write(LINES)
        process.stdin.close()
        assert process.stderr is not None
        assert b"503: down; retrying" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert process.stdout is not None
        assert process.stdout.read() == b'{"accepted":10,"refused":0,"complete":false}\n'
        assert process.stderr.read() == b"Not everything was sent; with --fresh, everything would be sent as new.\n"
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("trouble", "code", "stdout"),
    [
        ([], 0, '{"accepted":25,"refused":0,"complete":true}\n'),
        ([problem(400, "bad")], 1, '{"accepted":15,"refused":10,"complete":true}\n'),
        ([problem(401, "no")], 1, '{"accepted":0,"refused":0,"complete":false}\n'),
    ],
)
def test_json_output_is_one_object(api: FakeApi, trouble: list[Answer], code: int, stdout: str) -> None:
    api.answers = [*trouble]
    done = run(api, "--json", "--batch", "10", "--in-flight", "1")
    assert (done.exit_code, done.stdout) == (code, stdout)
    assert bool(done.stderr) == bool(trouble)


def test_nothing_to_send(api: FakeApi) -> None:
    done = run(api, content=b"\n\n")
    assert done.exit_code == 0
    assert done.stdout == "0 events accepted, 0 refused.\n"


def test_one_event_is_one_event(api: FakeApi) -> None:
    assert run(api, content=b'{"type":"t"}').stdout == "1 event accepted, 0 refused.\n"


def test_a_missing_file_is_one_line() -> None:
    done = CliRunner().invoke(send, ["/no/such/file"])
    assert done.exit_code == 2
    assert "No such file" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_a_valid_new_event_each_time(api: FakeApi, name: str) -> None:
    for _ in range(2):
        assert invoke(api, "--sample", name).exit_code == 0
    events = msgspec.json.decode(api.asked[0].body, type=list[PostedEvent])
    assert len(events) == 1
    assert len({asked.headers["idempotency-key"] for asked in api.asked}) == 2


def test_an_unknown_sample_lists_the_known_ones(api: FakeApi) -> None:
    done = invoke(api, "--sample", "order.unknown")
    assert done.exit_code == 2
    assert all(name in done.output for name in NAMES)


@pytest.mark.parametrize("arguments", [[], ["--sample", "order.paid", "-"]])
def test_a_file_or_a_sample_is_needed(api: FakeApi, arguments: list[str]) -> None:
    done = invoke(api, *arguments)
    assert (done.exit_code, api.asked) == (2, [])
    assert "either FILE or --sample" in done.output
