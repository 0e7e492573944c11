"""Compute resources and costs; write the tables of docs/capacity.md and docs/deploy.md. `--check` only compares.

Limits are AWS's, prices us-east-1's list prices; script/bench measured the throughput of one process.
"""

import math
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

MONTH_SECONDS = 365 / 12 * 86_400

PARTITION_WRITE_UNITS = 1_000
"""Per second, of one DynamoDB partition."""
IN_FLIGHT_MESSAGES = 120_000
"""Received and not yet deleted, in one standard queue."""

POSTS_PER_CORE = 4_000
"""POSTs of one event per second, in one ingest process."""
EVENTS_PER_CORE_BATCHED = 40_000
"""The same in batches of 100."""
STORED_PER_CORE = 3_000
"""Events per second that one worker process or sandbox stores."""
POST_SECONDS = 0.015
"""Time that a POST occupies a sandbox: mostly the call to SQS."""
SHARED_POSTS = 10
"""Concurrent POSTs of single events that share a message in a container; more, the busier it is."""
BATCH_SECONDS = 0.5
"""Time that a batch of messages occupies a worker's sandbox."""

API_PRICE, INVOKE_PRICE, SQS_PRICE, WRITE_PRICE, READ_PRICE = 1.00, 0.20, 0.40, 0.625, 0.125  # per million
GB_SECOND = 0.0000133334
STORED_GB_MONTH = 0.25
LOG_GB = 0.50
LOG_BYTES_PER_CALL = 1_000
FARGATE_TASK_HOUR = 0.03238 + 2 * 0.00356
"""One CPU and 2 GB, ARM."""
BALANCER_HOUR, NAT_HOUR, ENDPOINT_HOUR = 0.0225, 0.045, 0.01
KEPT_MONTHS = 1  # EVENT_TTL_DAYS


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of event: the units to store one, guard included, and the bytes to read."""

    name: str
    event_units: float
    guard_units: float = 1
    stored_bytes: int

    @property
    def write_units(self) -> float:
        """Write units of one event."""
        return self.event_units + self.guard_units


SMALL = Kind(name="1 KB", event_units=1, stored_bytes=1_300)
WEBHOOK = Kind(name="webhook, 10 KB", event_units=2.2, stored_bytes=2_500)


def main(arguments: list[str]) -> int:
    """Update the pages, or with `--check` report those that are out of date."""
    status = 0
    for path, tables in _pages().items():
        page = path.read_text(encoding="utf-8")
        wanted = page
        for name, table in tables.items():
            part = re.compile(rf"(?<=<!-- {name} -->\n).*(?=<!-- /{name} -->)", re.DOTALL)
            wanted = part.sub(lambda _, table=table: table, wanted)
        if wanted != page and "--check" in arguments:
            print(f"docs/{path.name} does not match script/capacity.py; run script/generate")
            status = 1
        elif wanted != page:
            path.write_text(wanted, encoding="utf-8")
    return status


def _pages() -> dict[Path, dict[str, str]]:
    """Return the tables of each page by the name of their place."""
    import bills  # noqa: PLC0415 (it builds on the constants of this module)

    docs = Path(__file__).parent.parent / "docs"
    needed = ("write units/s", "shards of one inbox", "ingest sandboxes", "or tasks", "worker sandboxes")
    bill = ("a month", "functions", "containers", "plain build")
    return {
        docs / "capacity.md": {
            "resources": _table(("events/s", *needed, "messages in flight"), _needs()),
            "shards": _table(("shards", "events/s of one inbox", "of the limit", "throttled"), _shards()),
            "recovery": _table(("events/s", "workers can store", "backlog", "cleared in"), _backlog()),
        },
        docs / "deploy.md": {
            "cost": _table(("events", "size", "per POST", "functions", "containers", "DynamoDB's share"), _costs()),
            "bills": "\n".join(f"**{load.name}**\n\n{_table(bill, bills.rows(load))}" for load in bills.LOADS),
        },
    }


def _costs() -> Iterator[tuple[str, ...]]:
    for events in (1e6, 1e8, 1e9):
        for kind in (SMALL, WEBHOOK):
            for batch in (1, 100):
                table = _table_dollars(kind, events)
                yield (
                    f"{events / 1e6:,.0f} M",
                    kind.name,
                    str(batch),
                    f"${function_dollars(events, batch) + table:,.0f}",
                    f"${_container_dollars(events, batch) + table:,.0f}",
                    f"${table:,.0f}",
                )


def _table_dollars(kind: Kind, events: float) -> float:
    reads = events * kind.stored_bytes / 4_096 * READ_PRICE / 1e6
    kept = events * (kind.stored_bytes + 200) * KEPT_MONTHS / 1e9 * STORED_GB_MONTH
    return events * kind.write_units * WRITE_PRICE / 1e6 + reads + kept


def queue_dollars(events: float, batch: int) -> float:
    """Return what the queue costs for `events` of `batch` a message."""
    # A message is sent, received and deleted, the last two by tens.
    return events / batch * (1 + 0.2) * SQS_PRICE / 1e6


def function_dollars(events: float, batch: int) -> float:
    """Return what functions, API, queue and logs cost for `events` of `batch` a POST."""
    posts = events / batch
    api = posts * (API_PRICE + INVOKE_PRICE) / 1e6 + posts * POST_SECONDS * 0.5 * GB_SECOND
    worker = max(events / STORED_PER_CORE, posts / 100 * 0.1) * 1.769 * GB_SECOND + posts / 100 * INVOKE_PRICE / 1e6
    logs = posts * LOG_BYTES_PER_CALL / 1e9 * LOG_GB
    return api + worker + logs + queue_dollars(events, batch)


def _container_dollars(events: float, batch: int) -> float:
    shared = batch if batch > 1 else SHARED_POSTS
    return task_dollars(events, batch) + fixed_dollars() + queue_dollars(events, shared)


def task_dollars(events: float, batch: int) -> float:
    """Return what the tasks cost that `events` a month take."""
    rate = 2 * events / MONTH_SECONDS  # for peaks of twice the mean
    ingest = max(2, math.ceil(_tasks(rate, batch)))
    tasks = ingest + 2 + max(1, math.ceil(rate / STORED_PER_CORE))
    return tasks * FARGATE_TASK_HOUR * MONTH_SECONDS / 3_600


def fixed_dollars() -> float:
    """Return what containers cost a month before the first event: balancer, and NAT and endpoint of two zones."""
    return (BALANCER_HOUR + 2 * NAT_HOUR + 2 * ENDPOINT_HOUR) * MONTH_SECONDS / 3_600


def _tasks(rate: float, batch: int) -> float:
    return rate / (POSTS_PER_CORE if batch == 1 else EVENTS_PER_CORE_BATCHED) / 0.5  # half busy


def _needs() -> Iterator[tuple[str, ...]]:
    for rate in (100, 1_000, 10_000, 100_000):
        for batch in (1, 100):
            yield (
                f"{rate:,} ({batch} a POST)",
                f"{rate * SMALL.write_units:,.0f}",
                str(max(1, math.ceil(rate * SMALL.event_units / PARTITION_WRITE_UNITS / 0.8))),
                f"{max(1, math.ceil(rate / batch * POST_SECONDS)):,}",
                str(max(1, math.ceil(_tasks(rate, batch)))),
                str(max(1, math.ceil(rate / STORED_PER_CORE))),
                f"{math.ceil(rate / batch * BATCH_SECONDS):,}",
            )


def _shards() -> Iterator[tuple[str, ...]]:
    for shards in (1, 4, 16, 64):
        for share in (0.8, 0.9, 0.95, 1.0):
            rate = int(shards * PARTITION_WRITE_UNITS * share)
            yield str(shards), f"{rate:,}", f"{share:.0%}", f"{_throttled(shards, rate):.2%}"


def _throttled(shards: int, rate: int, seconds: int = 30) -> float:
    """Return the share of 1 KB writes that are throttled, without burst capacity."""
    rng = random.Random(1)  # noqa: S311 (the same numbers every time)
    refused = 0
    for _ in range(seconds):
        arrived = [0] * shards
        # Many independent producers: arrivals per second are nearly normal.
        for _ in range(max(0, round(rng.gauss(rate, math.sqrt(rate))))):
            arrived[rng.getrandbits(8) % shards] += 1
        refused += sum(max(0, one - PARTITION_WRITE_UNITS) for one in arrived)
    return refused / (rate * seconds)


def _backlog() -> Iterator[tuple[str, ...]]:
    for rate in (1_000, 10_000, 100_000):
        for spare in (1.5, 3.0):
            waiting = rate * 600
            minutes = waiting / (rate * spare - rate) / 60
            yield f"{rate:,}", f"{rate * spare:,.0f}/s", f"{waiting:,}", f"{minutes:.0f} min"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("| --- ", "|---").replace("|---| ", "|---|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
