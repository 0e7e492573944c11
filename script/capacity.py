"""Compute the resources and costs of each rate of events, and print the tables of docs/capacity.md.

Limits are AWS's, prices us-east-1's list prices; script/bench measured the throughput of one process.
"""

import math
import random
from collections.abc import Iterator

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


def main() -> None:
    """Print all tables."""
    _print("Monthly cost", ("events", "size", "per POST", "functions", "containers", "DynamoDB's share"), _costs())
    _print(
        "Resources for a given rate",
        (
            "events/s",
            "write units/s",
            "shards of one inbox",
            "ingest sandboxes",
            "or tasks",
            "worker sandboxes",
            "in flight",
        ),
        _needs(),
    )
    _print("Simulation of shards", ("shards", "events/s of one inbox", "of the limit", "throttled"), _shards())
    _print(
        "Recovery after ten minutes without workers",
        ("events/s", "workers can store", "backlog", "cleared in"),
        _backlog(),
    )


def _costs() -> Iterator[tuple[str, ...]]:
    for events in (1e6, 1e8, 1e9):
        for kind in (SMALL, WEBHOOK):
            for batch in (1, 100):
                table = _table_dollars(kind, events)
                yield (
                    f"{events / 1e6:,.0f} M",
                    kind.name,
                    str(batch),
                    f"${_function_dollars(events, batch) + table:,.0f}",
                    f"${_container_dollars(events, batch) + table:,.0f}",
                    f"${table:,.0f}",
                )


def _table_dollars(kind: Kind, events: float) -> float:
    reads = events * kind.stored_bytes / 4_096 * READ_PRICE / 1e6
    kept = events * (kind.stored_bytes + 200) * KEPT_MONTHS / 1e9 * STORED_GB_MONTH
    return events * kind.write_units * WRITE_PRICE / 1e6 + reads + kept


def _queue_dollars(events: float, batch: int) -> float:
    # A message is sent, received and deleted, the last two by tens.
    return events / batch * (1 + 0.2) * SQS_PRICE / 1e6


def _function_dollars(events: float, batch: int) -> float:
    posts = events / batch
    api = posts * (API_PRICE + INVOKE_PRICE) / 1e6 + posts * POST_SECONDS * 0.5 * GB_SECOND
    worker = max(events / STORED_PER_CORE, posts / 100 * 0.1) * 1.769 * GB_SECOND + posts / 100 * INVOKE_PRICE / 1e6
    logs = posts * LOG_BYTES_PER_CALL / 1e9 * LOG_GB
    return api + worker + logs + _queue_dollars(events, batch)


def _container_dollars(events: float, batch: int) -> float:
    rate = 2 * events / MONTH_SECONDS  # for peaks of twice the mean
    ingest = max(2, math.ceil(_tasks(rate, batch)))
    tasks = ingest + 2 + max(1, math.ceil(rate / STORED_PER_CORE))
    hours = MONTH_SECONDS / 3_600
    fixed = (BALANCER_HOUR + NAT_HOUR + 2 * ENDPOINT_HOUR) * hours
    # Concurrent POSTs share messages, the more the busier a process is; ten is modest.
    shared = batch if batch > 1 else 10
    return tasks * FARGATE_TASK_HOUR * hours + fixed + _queue_dollars(events, shared)


def _tasks(rate: float, batch: int) -> float:
    return rate / (POSTS_PER_CORE if batch == 1 else EVENTS_PER_CORE_BATCHED) / 0.5  # half busy


def _needs() -> Iterator[tuple[str, ...]]:
    for rate in (100, 1_000, 10_000, 100_000):
        for batch in (1, 100):
            yield (
                f"{rate:,} ({batch} a POST)",
                f"{rate * SMALL.write_units:,.0f}",
                str(max(1, math.ceil(rate * SMALL.event_units / PARTITION_WRITE_UNITS / 0.8))),
                str(max(1, math.ceil(rate / batch * POST_SECONDS))),
                str(max(1, math.ceil(_tasks(rate, batch)))),
                str(max(1, math.ceil(rate / STORED_PER_CORE))),
                f"{rate / batch * BATCH_SECONDS:,.0f}",
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


def _print(title: str, head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
