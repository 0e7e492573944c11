"""The same events in PostgreSQL: CPU time per event, of the application and of the database.

Needs `initdb` and `postgres` on the PATH, and a user `postgres` to run them as if it is started by root. The database
has its default settings, so a POST is answered once its events are on disk.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import msgspec
import psutil

from bench.cpu import cpu_seconds
from bench.ingest import BATCH, at_full_load, batch_posts, single_posts
from bench.plan import Plan
from bench.processes import LOAD_CORE, Server, pinned
from bench.results import Row, Samples, row
from bench.worker import events_per_cpu_second, packed_messages
from cli.local import emulator

_PROGRAMS = ("initdb", "postgres")
_START_SECONDS = 30
_QUICKER = 20
_SMALL_PACK = 10
"""Events of a pack if POSTs have one event each. At full load there are more."""


class Database(msgspec.Struct, frozen=True):
    """A running PostgreSQL server."""

    pid: int
    url: str

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its processes."""
        return cpu_seconds(psutil.Process(self.pid))


def postgres(plan: Plan) -> Iterator[Row]:
    """Compare ingest and worker together with an application that inserts events, and with that and its database."""
    if missing := [program for program in _PROGRAMS if shutil.which(program) is None]:
        raise RuntimeError(f"not on the PATH: {', '.join(missing)}")
    with ExitStack() as stack:
        database = stack.enter_context(_database())
        theirs = stack.enter_context(plan.stage.postgres_app(database.url))
        ours = stack.enter_context(plan.stage.ingest())
        one, many = single_posts(plan.stage), batch_posts(plan.stage)
        yield from _compared(plan, ours, theirs, database, _Load(posts=one, events=1, total=20_000, pack=_SMALL_PACK))
        yield from _compared(plan, ours, theirs, database, _Load(posts=many, events=BATCH, total=800, pack=BATCH))


def _compared(plan: Plan, ours: Server, theirs: Server, database: Database, given: "_Load") -> Iterator[Row]:
    stored_per_second = events_per_cpu_second(plan, plan.stage.worker, packed_messages(given.pack))
    total = given.total // _QUICKER if plan.quick else given.total
    ingest_us, worker_us, app_us, database_us = ([] for _ in range(4))
    for _ in range(plan.rounds):
        report = at_full_load(plan, ours, given.posts, total=total)
        ingest_us.append(report.server_cpu_seconds / (total * given.events) * 1e6)
        worker_us.append(1e6 / stored_per_second())
        before = database.cpu_seconds()
        report = at_full_load(plan, theirs, given.posts, total=total)
        app_us.append(report.server_cpu_seconds / (total * given.events) * 1e6)
        database_us.append((database.cpu_seconds() - before) / (total * given.events) * 1e6)
    ours_us = _sum(ingest_us, worker_us)
    note = f"ours: ingest {median(ingest_us):.0f}, worker {median(worker_us):.0f}, in packs of {given.pack}"
    what = f"{given.events} event{'s' * (given.events > 1)} a POST, CPU, vs an INSERT behind raw ASGI"
    yield row("postgres", what, ours=ours_us, theirs=_sum(app_us), sense="at most", note=note)
    note = f"PostgreSQL: {median(database_us):.0f}; ours without SQS and DynamoDB"
    both = _sum(app_us, database_us)
    yield row("postgres", "the same, vs that and PostgreSQL", ours=ours_us, theirs=both, sense="at most", note=note)


class _Load(msgspec.Struct, frozen=True, kw_only=True):
    """`total` POSTs of `events` each, taken from `posts`; `pack` is how many of their events a message contains."""

    posts: list[bytes]
    events: int
    total: int
    pack: int


def _sum(*parts: Sequence[float]) -> Samples:
    """Return the sums of each round."""
    return Samples(values=list(map(sum, zip(*parts, strict=True))), unit="µs/event")


@contextmanager
def _database() -> Iterator[Database]:
    """Run a PostgreSQL server with an empty database, on the core of the load generator."""
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as made:
        if user:
            shutil.chown(made, user)
        directory, port = Path(made) / "data", emulator.free_port()
        initdb = ["initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", f"--pgdata={directory}"]
        subprocess.run(initdb, user=user, cwd=made, check=True, capture_output=True)  # noqa: S603
        server = ["postgres", "-D", str(directory), "-p", str(port), "-k", made]
        with pinned(LOAD_CORE):
            process = subprocess.Popen(  # noqa: S603
                server, user=user, cwd=made, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        try:
            _until_it_listens(port, process)
            yield Database(pid=process.pid, url=f"postgresql://postgres@127.0.0.1:{port}/postgres")
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown
            process.wait()


def _until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("PostgreSQL does not start")
