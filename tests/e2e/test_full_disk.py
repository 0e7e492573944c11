"""A data directory on a full disk: events are refused with a reason, and nothing accepted is lost."""

import base64
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cli.local.emulator import free_port

pytestmark = pytest.mark.slow

DISK_BYTES = 32 * 1024 * 1024
FILLER_BYTES = 10 * 1024 * 1024
EVENT_BYTES = 20_000
DEADLINE_SECONDS = 60


class Disk:
    """A small file system in a separate mount namespace, with one server at a time."""

    def __init__(self, mount: Path, port: int) -> None:
        self.mount = mount
        self.port = port
        self.accepted: set[str] = set()
        self._log = mount.with_suffix(".log")
        # The namespace lives as long as this process does.
        script = f"mount -t tmpfs -o size={DISK_BYTES} tmpfs {mount} && echo mounted && exec sleep 600"
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
        assert self._holder.stdout is not None
        with self._holder.stdout as printed:
            if printed.readline() != "mounted\n":
                self._holder.wait()
                pytest.skip("this system does not let tests mount a file system")
        self._server: subprocess.Popen[bytes] | None = None
        self._number = 0

    @property
    def root(self) -> Path:
        """The file system, as seen from outside of its namespace."""
        return Path(f"/proc/{self._holder.pid}/root{self.mount}")

    @contextmanager
    def serving(self) -> Iterator[httpx.Client]:
        """Run a server on the disk until the end of the context; it must then end with 0."""
        enter = ["nsenter", "--target", str(self._holder.pid), "--user", "--mount", "--preserve-credentials"]
        command = [sys.executable, "-m", "cli", "dev", "--port", str(self.port), "--data", str(self.mount / "data")]
        with self._log.open("wb") as out:
            # On a full disk a worker can't release received messages: they become visible after this time.
            environ = {**os.environ, "VISIBILITY_SECONDS": "10"}
            server = subprocess.Popen([*enter, *command], stdout=out, stderr=out, env=environ)  # noqa: S603
        try:
            until(lambda: b"API key: " in self._log.read_bytes() or server.poll() is not None)
            found = re.search(r"API key: (\S+)", self._log.read_text(encoding="utf-8"))
            assert found, self._log.read_text(encoding="utf-8")
            headers = {"Authorization": f"Bearer {found[1]}"}
            url = f"http://127.0.0.1:{self.port}"
            with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
                yield client
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(DEADLINE_SECONDS) == 0, self._log.read_text(encoding="utf-8")

    def post(self, client: httpx.Client) -> httpx.Response:
        """Post ten events that do not compress."""
        self._number += 1
        body = [
            {"type": "t", "id": f"{self._number}-{index}", "data": base64.b64encode(os.urandom(EVENT_BYTES)).decode()}
            for index in range(10)
        ]
        answer = client.post("/v1/events", json=body)
        if answer.status_code == 202:
            self.accepted.update(event["id"] for event in body)
        return answer

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    mount = tmp_path / "disk"
    mount.mkdir()
    made = Disk(mount, free_port())
    yield made
    made.close()


def test_a_full_disk_refuses_events_with_a_reason_and_loses_none(disk: Disk) -> None:
    filler = disk.root / "filler"
    filler.write_bytes(os.urandom(FILLER_BYTES))
    with disk.serving() as client:
        refused = fill(disk, client)
        problem = refused.json()
        assert (refused.status_code, problem["title"]) == (503, "Disk full")
        assert refused.headers["retry-after"] == "10"
        assert client.get("/v1/inbox").status_code == 200  # reads still work

        filler.unlink()
        until(lambda: disk.post(client).status_code == 202)
        until(lambda: set(listed(client)) == disk.accepted)

        fill(disk, client)
    # It was stopped while the disk was full.
    data = disk.root / "data"
    make_room(data)
    with disk.serving() as client:
        until(lambda: set(listed(client)) == disk.accepted)
        assert len(listed(client)) == len(disk.accepted)


def fill(disk: Disk, client: httpx.Client) -> httpx.Response:
    """Post until the disk stays full; return the last answer."""
    refused = 0
    while True:
        answer = disk.post(client)
        refused = refused + 1 if answer.status_code == 503 else 0
        if refused > 5:
            return answer
        time.sleep(0.02 if refused == 0 else 0.2)


def make_room(data: Path) -> None:
    """Enlarge the disk, as an operator would."""
    holder = data.parts[2]
    mount = Path("/", *data.parent.parts[4:])
    enter = ["nsenter", "--target", holder, "--user", "--mount", "--preserve-credentials"]
    subprocess.run([*enter, "mount", "-o", f"remount,size={2 * DISK_BYTES}", str(mount)], check=True)  # noqa: S603


def listed(client: httpx.Client) -> list[str]:
    """Return the ids of all events in the inbox."""
    ids: list[str] = []
    params: dict[str, str | int] = {"limit": 100}
    while True:
        page = client.get("/v1/inbox", params=params).raise_for_status().json()
        ids += [event["id"] for event in page["events"]]
        if not page["more"]:
            return ids
        params["after"] = page["next"]


def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
