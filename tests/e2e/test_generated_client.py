"""A client that openapi-python-client generates from the served document posts, reads, leases and acks."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.local import DEADLINE_SECONDS, Local, until

NAME = "generated_triggers_client"


@pytest.fixture(scope="module")
def generated(local: Local, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Generate the client; provide its modules by name. Fails at a warning, such as one of a skipped endpoint."""
    directory = tmp_path_factory.mktemp("generated")
    scripts = Path(sys.executable).parent
    done = subprocess.run(  # noqa: S603
        [
            scripts / "openapi-python-client", "generate", "--fail-on-warning", "--meta", "none",
            "--url", f"{local.url}/openapi.json", "--output-path", directory / NAME,
        ],
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}", "NO_PROXY": "*"},
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(directory))
    yield lambda name: importlib.import_module(f"{NAME}.{name}")
    sys.path.remove(str(directory))
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_a_generated_client_posts_reads_leases_and_acks(local: Local, generated: Callable[[str], Any]) -> None:
    models, key = generated("models"), local.environment("generated")["TRIGGERS_API_KEY"]
    with generated("client").AuthenticatedClient(local.url, key) as client:

        def call(operation: str, *path: str, **arguments: Any) -> Any:
            return generated(f"api.{operation}").sync(*path, client=client, **arguments)

        paid, sent = (models.PostedEvent(type_=name, id=name, data={"total": 99.5}) for name in ("paid", "sent"))
        assert call("events.post_events", body=paid).id == "paid"
        assert call("events.post_events", body=[paid, sent]).accepted == 2
        until(lambda: len(call("inbox.read_inbox").events) == 2)
        page = call("inbox.read_inbox", limit=1)
        assert (page.events[0].data, page.more) == ({"total": 99.5}, True)
        assert [event.id for event in call("inbox.read_inbox", after=page.next_).events] == ["sent"]

        lease = call("groups.lease_events", body=models.LeaseRequest(group="billing", seconds=60))
        assert {event.id for event in lease.events} == {"paid", "sent"}
        acked = call("groups.ack_lease", lease.lease)
        assert (acked.done, acked.left) == (2, 0)
        assert call("groups.show_group", "billing").leased == 0

        acks = models.Acks(positions=[page.events[0].position])
        assert call("inbox.ack_events", body=acks).accepted == 1
        until(lambda: [event.id for event in call("inbox.read_inbox").events] == ["sent"])
        assert call("events.read_event", "paid").status == models.EventStatusStatus.DELIVERED
        assert isinstance(call("events.read_event", "unknown"), models.Problem)
