"""Latency at half of capacity, and behavior under overload, with open-model load: independent clients."""

from collections.abc import Callable, Iterator, Sequence

from bench import payloads
from bench.ingest import CONNECTIONS, at_full_load, batch_posts, single_posts
from bench.load import Phase, Report, Spec
from bench.open_loop import Arrival
from bench.plan import Plan
from bench.processes import Server, load
from bench.results import Row, Samples, alternate, percentile, row
from bench.worker import packed_messages

_MAX_CONNECTIONS = 1000
_SQS_MS = 10.0
_ACCEPTED = 202
_SHED = (429, 503)
_OVERLOAD_BATCH = 10
"""Events a POST of an overload. On one core beside the stub, the load must be twice what the server can
handle; single events could not reach that."""
_CALM_MS = 100.0
_SHARES = (1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""The rates tried for the capacity under open-model load, as shares of what a closed loop reaches."""
_BUCKET_SECONDS = 0.1


def latency(plan: Plan) -> Iterator[Row]:
    """Compare the p99 of POSTs with that of the stub alone, called at the same rate by the same client."""
    stage = plan.stage
    sends = [payloads.aws_send(message) for message in packed_messages(1)[:1000]]
    with stage.ingest() as server:
        posts = single_posts(stage)
        rate = _open_capacity(plan, server, posts) / 2

        def p99(port: int, requests: list[bytes], delay_ms: float) -> Callable[[], float]:
            def measure() -> float:
                stage.aws.setup(delay_ms=delay_ms)
                report = _open(plan, server, port, requests, [Phase(rate=rate, seconds=2 * plan.seconds)])
                _check(report)
                return percentile(report.latencies_ms, 99)

            return measure

        delays_ms = (0.0,) if plan.quick else (0.0, _SQS_MS)
        measured = {
            delay_ms: alternate(
                {"ours": p99(server.port, posts, delay_ms), "stub": p99(stage.aws.port, sends, delay_ms)},
                plan.rounds,
                "ms p99",
            )
            for delay_ms in delays_ms
        }
    note = f"{rate:.0f} POSTs a second"
    what = "POST at half of capacity (open model), vs the stub"
    for delay_ms, sides in measured.items():
        slow = f", the stub taking {delay_ms:.0f} ms a call" if delay_ms else ""
        ours, theirs = sides["ours"], sides["stub"]
        yield row("latency", f"{what}{slow}", ours=ours, theirs=theirs, sense="at most", note=note)
        if delay_ms:
            yield row("latency", f"p99 of that POST{slow}", ours=ours, sense="at most", goal=25, note=note)


def overload(plan: Plan) -> Iterator[Row]:
    """Send half the capacity, twice the capacity for some seconds, and half again; measure the effects."""
    stage = plan.stage
    seconds = 1.0 if plan.quick else 10.0
    with stage.ingest() as server:
        posts = batch_posts(stage, _OVERLOAD_BATCH)
        capacity = _capacity(plan, server, posts)
        stage.aws.setup()
        phases = [
            Phase(rate=capacity / 2, seconds=seconds / 2),
            Phase(rate=2 * capacity, seconds=seconds),
            Phase(rate=capacity / 2, seconds=1.5 if plan.quick else seconds),
        ]
        report = _open(plan, server, server.port, posts, phases)
    calm, storm, after = (
        [arrival for arrival in report.arrivals if arrival.phase == index] for index in range(len(phases))
    )
    accepted = sorted(arrival.latency_ms for arrival in storm if arrival.status == _ACCEPTED)
    shed = sorted(arrival.latency_ms for arrival in storm if arrival.status in _SHED)
    lost = sum(arrival.status not in (_ACCEPTED, *_SHED) for arrival in report.arrivals)
    storm_end = phases[0].seconds + phases[1].seconds
    sent = sum(phases[0].seconds < arrival.due + (arrival.wait_ms / 1000) < storm_end for arrival in storm)
    yield row(
        "overload",
        f"twice the capacity of {capacity:.0f} POSTs/s of {_OVERLOAD_BATCH}: shed",
        ours=_one(100 * len(shed) / max(1, len(storm)), "% of requests"),
        note=f"{sent / phases[1].seconds:.0f} a second were sent",
    )
    yield row(
        "overload", "p99 of the shed answers", ours=_one(percentile(shed, 99), "ms"), note="none shed" * (not shed)
    )
    yield row(
        "overload",
        "p99 of the accepted",
        ours=_one(percentile(accepted, 99), "ms"),
        sense="at most",
        goal=1000,
        note=f"{percentile(_accepted(calm), 99):.0f} ms before",
    )
    yield row("overload", "neither accepted nor shed", ours=_one(lost, "requests"), sense="at most", goal=0)
    yield row("overload", "memory", ours=_one(report.rss_bytes / 1024**2, "MiB"), sense="at most", goal=150)
    yield row("overload", "recovery", ours=_one(recovery_seconds(after, storm_end), "s"), sense="at most", goal=5)


def recovery_seconds(arrivals: Sequence[Arrival], since: float) -> float:
    """Return the seconds from `since` to the end of the last tenth of a second with a refusal or a slow answer."""
    bad = [a.due for a in arrivals if a.status != _ACCEPTED or a.latency_ms > _CALM_MS]
    return (int((max(bad) - since) / _BUCKET_SECONDS) + 1) * _BUCKET_SECONDS if bad else 0.0


def _capacity(plan: Plan, server: Server, posts: list[bytes]) -> float:
    report = at_full_load(plan, server, posts, connections=CONNECTIONS)
    return report.requests / report.seconds


def _open_capacity(plan: Plan, server: Server, posts: list[bytes]) -> float:
    """Return the highest rate tried that is accepted whole, with a p99 of at most `_CALM_MS`; the stub takes 10 ms."""
    reached = _capacity(plan, server, posts)
    plan.stage.aws.setup(delay_ms=_SQS_MS)
    for share in _SHARES:
        report = _open(plan, server, server.port, posts, [Phase(rate=share * reached, seconds=plan.seconds)])
        if report.statuses.keys() == {_ACCEPTED} and percentile(report.latencies_ms, 99) <= _CALM_MS:
            return share * reached
    raise RuntimeError(f"not even {_SHARES[-1]:.0%} of {reached:.0f} POSTs a second were accepted without delay")


def _open(plan: Plan, server: Server, port: int, requests: list[bytes], phases: list[Phase]) -> Report:
    report = load(Spec(port=port, pid=server.pid, requests=requests, connections=_MAX_CONNECTIONS, phases=phases))
    plan.stage.aws.counts()
    return report


def _check(report: Report) -> None:
    if report.statuses.keys() - {200, _ACCEPTED}:
        raise RuntimeError(f"answers: {report.statuses}")


def _accepted(arrivals: Sequence[Arrival]) -> list[float]:
    return sorted(arrival.latency_ms for arrival in arrivals if arrival.status == _ACCEPTED)


def _one(value: float, unit: str) -> Samples:
    return Samples(values=[float(value)], unit=unit)
