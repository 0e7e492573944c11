"""`triggers serve --processes N`: how much more two processes accept than one."""

from collections.abc import Callable, Iterator
from statistics import median

from bench.ingest import BATCH, at_full_load, batch_posts
from bench.plan import Plan
from bench.processes import Server
from bench.results import Row, alternate, row

_CONNECTIONS = 16


def process_count(plan: Plan) -> Iterator[Row]:
    """Compare the events a second of two processes and of one, on two cores that they share with stub and load."""
    posts = batch_posts(plan.stage)
    cpu_us: dict[int, list[float]] = {1: [], 2: []}
    with plan.stage.ingest_processes(1) as one, plan.stage.ingest_processes(2) as two:

        def rate(server: Server, count: int) -> Callable[[], float]:
            def measure() -> float:
                report = at_full_load(plan, server, posts, connections=_CONNECTIONS)
                cpu_us[count].append(report.server_cpu_seconds / (BATCH * report.requests) * 1e6)
                return BATCH * report.requests / report.seconds

            return measure

        measured = alternate({"one": rate(one, 1), "two": rate(two, 2)}, plan.rounds, "events/s")
    note = f"CPU an event: {median(cpu_us[2]):.1f} µs with two, {median(cpu_us[1]):.1f} µs with one"
    what = f"{BATCH} events a POST, two processes, vs one"
    yield row("process-count", what, ours=measured["two"], theirs=measured["one"], note=note)
