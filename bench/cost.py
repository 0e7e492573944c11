"""What AWS would bill: calls and units counted by the stub while events go from POST to table."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

import msgspec

from bench import payloads
from bench.builds import Stage
from bench.ingest import BATCH, check, connections_for
from bench.load import Spec
from bench.plan import Plan
from bench.processes import Server, load
from bench.results import Row, Samples, row
from bench.webhooks import webhooks
from shared.containers import batches

# US dollars per million, us-east-1, November 2026.
SQS_UNIT = 0.40
WRITE_UNIT = 0.625
HTTP_REQUEST = 1.00

EVENT_BYTES = 1024
_DEADLINE_SECONDS = 120
_WEBHOOK_BATCH = 20

Start = Callable[[], AbstractContextManager[Server]]


class Bill(msgspec.Struct, frozen=True):
    """The calls and units of a number of events."""

    events: int
    posts: int
    counts: Mapping[str, int]

    @property
    def sqs_units(self) -> int:
        """SQS requests, in units of 64 KiB."""
        counts = self.counts
        return counts["send_units"] + counts["busy_receives"] + counts["DeleteMessageBatch"]

    @property
    def dollars(self) -> float:
        """The list price of the queue and the table, per million events."""
        return (self.sqs_units * SQS_UNIT + self.counts["write_units"] * WRITE_UNIT) / self.events

    @property
    def with_http(self) -> float:
        """The same, with an HTTP API in front."""
        return self.dollars + self.posts * HTTP_REQUEST / self.events

    def describe(self) -> str:
        """Return the units per event."""
        units = self.counts["write_units"] / self.events
        return f"{self.sqs_units / self.events:.2f} SQS + {units:.2f} write units an event"


def cost(plan: Plan) -> Iterator[Row]:
    """Compare dollars per million events of 1 KB."""
    stage, count = plan.stage, 500 if plan.quick else 20_000
    events = payloads.events(count, EVENT_BYTES)
    singles = [payloads.post(event, stage.token) for event in events]
    many = [payloads.post(payloads.batch(some), stage.token) for some in batches(events, BATCH)]
    single = through(stage, stage.ingest, stage.worker, singles, count)
    batched = through(stage, stage.ingest, stage.worker, many, count)
    few = 100 if plan.quick else 2000
    plain = through(stage, stage.plain_ingest, stage.plain_worker, singles[:few], few)
    for what, ours, goal in (("one a POST", single, 1 / 2), (f"{BATCH} a POST", batched, 1 / 3)):
        yield row(
            "cost",
            f"queue and table, 1 KB events, {what}",
            ours=_dollars(ours.dollars),
            theirs=_dollars(plain.dollars),
            sense="at most",
            goal=goal,
            note=f"{ours.describe()}; plain {plain.describe()}",
        )
        yield row("cost", "the same with an HTTP API", ours=_dollars(ours.with_http), theirs=_dollars(plain.with_http))


def storage(plan: Plan) -> Iterator[Row]:
    """Compare write units per webhook, guard included."""
    stage = plan.stage
    events = webhooks()[:: 3 if plan.quick else 1]
    many = [payloads.post(payloads.batch(some), stage.token) for some in batches(events, _WEBHOOK_BATCH)]
    ours = through(stage, stage.ingest, stage.worker, many, len(events))
    singles = [payloads.post(event, stage.token) for event in events]
    plain = through(stage, stage.plain_ingest, stage.plain_worker, singles, len(events))
    yield row(
        "storage",
        "write units a webhook, vs plain item and guard",
        ours=_units(ours),
        theirs=_units(plain),
        sense="at most",
        goal=1 / 3,
    )


def through(stage: Stage, ingest: Start, worker: Start, requests: list[bytes], events: int) -> Bill:
    """Post `requests`, let a worker store their events, and return the bill; raise unless all arrive."""
    stage.aws.setup(keep=True)
    with ingest() as server:
        check(
            load(
                Spec(
                    port=server.port,
                    pid=server.pid,
                    requests=requests,
                    connections=connections_for(requests),
                    total=len(requests),
                )
            )
        )
    with worker():
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while (counts := stage.aws.counts())["messages"] > counts.get("deleted_or_hidden", 0):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not drained: {counts}")
            time.sleep(0.2)
    if not events == counts["queued_events"] == counts["stored_events"] == counts["guards"]:
        raise RuntimeError(f"{events} events were posted, but: {counts}")
    return Bill(events, len(requests), counts)


def _dollars(value: float) -> Samples:
    return Samples(values=[value], unit="$/million")


def _units(bill: Bill) -> Samples:
    return Samples(values=[bill.counts["write_units"] / bill.events], unit="write units")
