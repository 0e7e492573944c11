"""Ingest at full load: one event and 100 events a POST, and memory."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from bench import payloads
from bench.builds import Stage
from bench.load import Report, Spec
from bench.plan import Plan
from bench.processes import Server, load
from bench.results import Row, Samples, alternate, row
from shared.containers import batches

CONNECTIONS = 128
"""Enough clients to keep a server busy with one event a POST."""

BATCH = 100
_BATCH_CONNECTIONS = 8
_EVENTS = 4000
_ACCEPTED = {202}
_MIB = 1024 * 1024


def ingest(plan: Plan) -> Iterator[Row]:
    """Compare requests and events per second of the server's CPU; yield the memory, too."""
    stage = plan.stage
    memory: list[float] = []
    load_share: list[float] = []
    with ExitStack() as stack:
        noop, ours, plain = map(stack.enter_context, (stage.noop(), stage.ingest(), stage.plain_ingest()))
        logging = stack.enter_context(stage.ingest(LOG_LEVEL="INFO"))
        one, many = single_posts(stage), batch_posts(stage)

        def rate(server: Server) -> Callable[[], float]:
            def measure() -> float:
                report = at_full_load(plan, server, one)
                load_share.append(report.load_cpu_share)
                if server is ours:
                    memory.append(report.rss_bytes / _MIB)
                return report.requests / report.server_cpu_seconds

            return measure

        singles = alternate(
            {"noop": rate(noop), "ours": rate(ours), "plain": rate(plain), "logging": rate(logging)},
            plan.rounds,
            "req/CPU-s",
        )
        # Counts that take about as long as another round: a plain POST of 100 takes most of a second.
        posts = {"ours": 100 if plan.quick else 1600, "plain": 3 if plan.quick else 24}

        def events(server: Server, total: int) -> Callable[[], float]:
            def measure() -> float:
                report = at_full_load(plan, server, many, total=total)
                if server is ours:
                    memory.append(report.rss_bytes / _MIB)
                return BATCH * total / report.server_cpu_seconds

            return measure

        in_batches = alternate(
            {"ours": events(ours, posts["ours"]), "plain": events(plain, posts["plain"])}, plan.rounds, "events/CPU-s"
        )
    busiest = f"the load generator used at most {max(load_share):.0%} of its core"
    what = "one event a POST, one process"
    yield row("ingest", f"{what}, vs no-op", ours=singles["ours"], theirs=singles["noop"], goal=0.5, note=busiest)
    yield row("ingest", f"{what}, vs plain", ours=singles["ours"], theirs=singles["plain"], goal=8)
    yield row("ingest", "the same with a log line a request", ours=singles["logging"], theirs=singles["noop"])
    yield row(
        "ingest", f"{BATCH} events a POST, vs plain", ours=in_batches["ours"], theirs=in_batches["plain"], goal=150
    )
    peak = Samples(values=memory, unit="MiB")
    yield row("memory", "ingest under full load", ours=peak, sense="at most", goal=150)


def single_posts(stage: Stage) -> list[bytes]:
    """Return requests of one event each."""
    return [payloads.post(event, stage.token) for event in payloads.events(_EVENTS)]


def batch_posts(stage: Stage, size: int = BATCH) -> list[bytes]:
    """Return requests of `size` events each."""
    return [payloads.post(payloads.batch(some), stage.token) for some in batches(payloads.events(_EVENTS), size)]


def connections_for(requests: list[bytes]) -> int:
    """Return how many clients keep a server busy with `requests`."""
    return _BATCH_CONNECTIONS if len(requests[0]) > 10 * payloads.EVENT_BYTES else CONNECTIONS


def at_full_load(plan: Plan, server: Server, requests: list[bytes], **more: Any) -> Report:  # noqa: ANN401
    """Put full load on a server; raise if it answers anything but 202, or sends what the stub can't read."""
    plan.stage.aws.setup()
    spec = Spec(
        port=server.port,
        pid=server.pid,
        requests=requests,
        **{
            "connections": connections_for(requests),
            "warm_seconds": plan.warm_seconds,
            "seconds": plan.seconds,
            **more,
        },
    )
    report = load(spec)
    check(report)
    plan.stage.aws.counts()
    return report


def check(report: Report) -> None:
    """Raise if any status is not 202."""
    if report.statuses.keys() - _ACCEPTED:
        raise RuntimeError(f"answers: {report.statuses}")
