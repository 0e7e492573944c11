"""All processes of a run, each on its own: the emulator, workers, ingest and inbox."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from cli.commands.dev import emulator_environment
from cli.local import emulator
from cli.local.data_option import sqlite_environment
from shared import settings
from tests.chaos.events import INLINE_BODY_BYTES, inboxes_of
from tests.chaos.plan import Plan
from tests.chaos.process import Service
from tests.chaos.waiting import until

_TRIGGERS = [sys.executable, "-P", "-m", "cli"]

# Messages of a killed worker become visible soon. The emulator handles one call at a time: with four concurrent
# batches per worker, a batch took 2.1 s instead of 0.5 (median), without higher throughput.
_PROFILE = {"INLINE_BODY_BYTES": str(INLINE_BODY_BYTES), "VISIBILITY_SECONDS": "10", "WORKER_RECEIVERS": "1"}


class Fleet:
    """The running processes, and how to reach them. Make one with `started`."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self.ingest_url, ingest_port = _address()
        self.inbox_url, inbox_port = _address()
        self.groups_url, groups_port = _address()
        self._logs, state = directory / "logs", directory / "state"
        for made in (self._logs, state):
            made.mkdir(parents=True)
        self.emulator: Service | None = None
        environ = {**os.environ, **sqlite_environment(state)}
        if plan.backend == "emulator":
            self._emulator_port = emulator.free_port()
            local = emulator.server_environment(os.environ, port=self._emulator_port, state=state)
            self.emulator = Service("emulator", emulator.command(), local, self._logs)
            environ = emulator_environment(os.environ, self._emulator_port)
        self.environ = {**environ, **_PROFILE}
        self.settings = settings.load(self.environ)
        self.api_key = ""
        self.workers = [self._service(f"worker-{number}", "worker") for number in range(1, plan.workers + 1)]
        self.ingest = self._service("ingest", "serve", "ingest", "--port", ingest_port)
        self.inbox = self._service("inbox", "serve", "inbox", "--port", inbox_port)
        self.groups = self._service("groups", "serve", "groups", "--port", groups_port)
        self.member_logs = [self._logs / f"member-{number}.steps" for number in range(1, plan.members + 1)]
        self._member_environ = {**self.environ, "TRIGGERS_URL": self.groups_url}
        self.members = [self._member(log, inboxes_of(plan.events)) for log in self.member_logs]

    @property
    def services(self) -> list[Service]:
        """All processes except the emulator."""
        return [*self.workers, self.ingest, self.inbox, self.groups, *self.members]

    def _member(self, log: Path, inboxes: list[str]) -> Service:
        command = [sys.executable, "-m", "tests.chaos.member", str(log), *inboxes]
        return Service(log.stem, emulator.tied_to_parent(command), self._member_environ, self._logs)

    def _service(self, name: str, *arguments: str) -> Service:
        return Service(name, emulator.tied_to_parent([*_TRIGGERS, *arguments]), self.environ, self._logs)

    async def run_command(self, *arguments: str) -> str:
        """Run a `triggers` command; return its output, raise RuntimeError if it failed."""
        with (self._logs / "commands.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *_TRIGGERS, *arguments, env=self.environ, stdout=asyncio.subprocess.PIPE, stderr=log
            )
            printed, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"`triggers {' '.join(arguments)}` failed; see {log.name}")
        return printed.decode()

    async def emulator_answers(self) -> bool:
        """Return whether the emulator is ready."""
        return await asyncio.to_thread(emulator.answers, emulator.health_url(self._emulator_port))

    async def prepare(self) -> None:
        """Create queues, tables, bucket and a key, once the emulator is ready."""
        if self.emulator is not None:
            await until("the emulator answers", self.emulator_answers)
            await self.run_command("provision")
        # Without effective limits: this run tests kills.
        limits = ("--rate", "100000", "--burst", "100000")
        made = await self.run_command("keys", "create", "--tenant", "chaos", "--name", "chaos", *limits, "--json")
        self.api_key = self._member_environ["TRIGGERS_API_KEY"] = msgspec.json.decode(made)["api_key"]

    async def is_ready(self) -> bool:
        """Return whether ingest, inbox and groups answer."""
        urls = (self.ingest_url, self.inbox_url, self.groups_url)
        return all([await asyncio.to_thread(emulator.answers, f"{url}/readyz") for url in urls])


@asynccontextmanager
async def started(directory: Path, plan: Plan) -> AsyncIterator[Fleet]:
    """Start everything in `directory`; stop everything at the end, the emulator last."""
    fleet = Fleet(directory, plan)
    running = [] if fleet.emulator is None else [asyncio.create_task(fleet.emulator.run())]
    try:
        await fleet.prepare()
        running += [asyncio.create_task(service.run()) for service in fleet.services]
        await until("ingest and inbox answer", fleet.is_ready)
        yield fleet
    finally:
        await asyncio.gather(*(service.stop() for service in fleet.services))
        if fleet.emulator is not None:
            await fleet.emulator.stop()
        await asyncio.gather(*running)


def _address() -> tuple[str, str]:
    port = emulator.free_port()
    return f"http://127.0.0.1:{port}", str(port)
