"""What is delivered of an event, and how often."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.commands.tail import tail
from cli.forwarding import delivery_of
from tests.unit.cli.commands.test_tail import page
from tests.unit.cli.fake_api import Answer, Asked, FakeApi, problem, serving

PLACE = b'"inbox":"default","receivedat":"2026-11-22T17:03:11.050Z","position":"p-%d"'


def event(number: int, more: bytes = b'"data": {"total": 99.50 }') -> bytes:
    place = PLACE % number
    return b'{"specversion":"1.0","id":"e%d","source":"/shop","type":"order.paid",%b,%b}' % (number, place, more)


def run(api: FakeApi, *arguments: str) -> Result:
    return CliRunner().invoke(tail, ["--url", api.url, "--api-key", "trg_k_s", *arguments])


@pytest.mark.parametrize(
    ("more", "content_type", "body"),
    [
        (b'"data":{"a":1e999, "b":1.0}', "application/json", b'{"a":1e999, "b":1.0}'),
        (b'"data":"text"', "application/json", b'"text"'),
        (b'"datacontenttype":"text/plain","data":"Zo\xc3\xab"', "text/plain", b"Zo\xc3\xab"),
        (b'"datacontenttype":"text/xml","data_base64":"PGE+"', "text/xml", b"<a>"),
        (b'"datacontenttype":"application/a+json","data":"a"', "application/a+json", b'"a"'),
        (b'"tier":"gold"', "application/json", b""),
    ],
)
def test_the_content_is_that_of_the_event(more: bytes, content_type: str, body: bytes) -> None:
    delivery = delivery_of(event(1, more), 1_795_366_991)
    assert (delivery.body, delivery.headers["content-type"]) == (body, content_type)
    assert not {"ce-data", "ce-data_base64", "ce-datacontenttype"} & delivery.headers.keys()


def test_attributes_are_headers() -> None:
    headers = delivery_of(event(7, '"subject":"José 100%","flag":true,"count":3'.encode()), 1_795_366_991).headers
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": "e7",
        "ce-source": "/shop",
        "ce-type": "order.paid",
        "ce-inbox": "default",
        "ce-receivedat": "2026-11-22T17:03:11.050Z",
        "ce-position": "p-7",
        "ce-subject": "Jos%C3%A9%20100%25",
        "ce-flag": "true",
        "ce-count": "3",
        "content-type": "application/json",
        "webhook-id": "p-7",
        "webhook-timestamp": "1795366991",
    }


def test_events_are_delivered_in_order_and_repeated_until_the_answer_is_a_2xx(api: FakeApi, tmp_path: Path) -> None:
    file = tmp_path / "cursor"
    api.answers = [page(event(1), following="c1", more=True), page(event(2), following="c2")]
    with serving() as endpoint:
        endpoint.answers = [Answer(503), Answer(0), Answer(400, b"no"), Answer(204)]
        endpoint.otherwise = lambda _: Answer(200)
        done = run(api, "--once", "--forward-to", f"{endpoint.url}/hooks?a=b", "--cursor-file", str(file))
    assert done.exit_code == 0, done.output
    assert [asked.headers["ce-id"] for asked in endpoint.asked] == ["e1"] * 4 + ["e2"]
    assert {asked.headers["webhook-id"] for asked in endpoint.asked} == {"p-1", "p-2"}
    assert {(asked.method, asked.path, asked.body) for asked in endpoint.asked} == {
        ("POST", "/hooks", b'{"total": 99.50 }')
    }
    lines = done.stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["order.paid e1"] * 4 + ["order.paid e2"]
    assert "503 Service Unavailable" in lines[0]
    assert [line.endswith("; retrying") for line in lines] == [True, True, True, False, False]
    assert file.read_text() == "c2"
    assert [asked.query["limit"] for asked in api.asked] == [["1"], ["1"]]


def test_a_cursor_file_resumes_where_the_last_run_ended(api: FakeApi, tmp_path: Path) -> None:
    file = tmp_path / "cursor"
    api.answers = [page(event(1), following="c1"), problem(403, "enough"), page(event(2), following="c2")]
    api.otherwise = lambda _: problem(403, "enough")
    with serving() as endpoint:
        endpoint.otherwise = lambda _: Answer(200)
        for _ in range(2):
            run(api, "--from-start", "--forward-to", endpoint.url, "--cursor-file", str(file))
    assert [asked.query.get("after") for asked in api.asked[:3]] == [None, ["c1"], ["c1"]]
    assert [asked.headers["ce-id"] for asked in endpoint.asked] == ["e1", "e2"]


class Tail:
    """`triggers tail --forward-to` as a process, which gets one Ctrl-C while its delivery is being answered."""

    def __init__(self, api: FakeApi, endpoint: FakeApi, file: Path, status: int) -> None:
        asked, resume = threading.Event(), threading.Event()

        def answer(_: Asked) -> Answer:
            asked.set()
            assert resume.wait(30)
            return Answer(status)

        endpoint.otherwise = answer
        api.otherwise = lambda _: page(event(1), following="c1")
        command = [sys.executable, "-m", "cli", "tail", "--url", api.url, "--api-key", "trg_k_s", "--after", "c0"]
        more = ["--forward-to", endpoint.url, "--cursor-file", str(file)]
        with subprocess.Popen([*command, *more], stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            assert process.stderr is not None
            assert asked.wait(30)
            process.send_signal(signal.SIGINT)
            self.said = process.stderr.readline()
            resume.set()
            self.cursor = process.stderr.readline()
            self.exit_code = process.wait(30)


@pytest.mark.parametrize(("status", "cursor"), [(200, "c1"), (503, "c0")])
def test_ctrl_c_waits_for_the_answer_and_says_so(api: FakeApi, tmp_path: Path, status: int, cursor: str) -> None:
    with serving() as endpoint:
        done = Tail(api, endpoint, tmp_path / "cursor", status)
    assert done.said == "Waiting for the answer to order.paid e1; Ctrl-C again stops at once.\n"
    assert done.cursor == f"cursor: {cursor}\n"
    assert done.exit_code == 130
    assert len(endpoint.asked) == 1


def test_a_group_acks_what_was_delivered_and_releases_the_rest(api: FakeApi) -> None:
    def lease(number: int) -> Answer:
        return Answer(200, b'{"lease":"L%d","events":[%b]}' % (number, event(number)))

    ended = Answer(200, b"{}")
    api.answers = [lease(1), ended, lease(2), ended, Answer(200, b'{"lease":null,"events":[]}')]
    with serving() as endpoint:
        endpoint.answers = [Answer(500), Answer(200)]
        done = run(api, "--once", "--group", "billing", "--forward-to", endpoint.url)
    assert done.exit_code == 0, done.output
    assert [asked.path for asked in api.asked][1::2] == ["/v1/leases/L1/release", "/v1/leases/L2/ack"]
    assert json.loads(api.asked[0].body)["limit"] == 1
    assert [asked.headers["ce-id"] for asked in endpoint.asked] == ["e1", "e2"]
    assert "500 Internal Server Error" in done.stdout


def test_an_invalid_url_is_refused(api: FakeApi) -> None:
    done = run(api, "--forward-to", "localhost:3000")
    assert done.exit_code == 1
    assert "must begin with http" in done.output
