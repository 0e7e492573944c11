"""Three bills in full, of this design and of a plain build that makes the same promises."""

import math
from collections.abc import Iterator

import capacity as c
import msgspec

DAYS = 365 / 12
PITR_GB_MONTH = 0.20
NAT_GB = 0.045
ENDPOINT_GB = 0.01
KMS_KEY_MONTH = 1.00
POLL_SECONDS = 2
"""MAX_WAIT_SECONDS on Lambda: how long a follower's request waits when nothing arrives."""
POLLS_PER_SECOND = 2
"""Queries of an inbox that a process repeats while somebody waits, one read unit each."""
ACKED_PER_POST = 100
LEASED = 100
"""Events per lease of a group; opening and ending one writes its ledger, of up to 2 KB, once each."""
LEDGER_UNITS = 2
KEPT_PLAIN_MONTHS = 0.25
"""The plain build deletes an event when it is acked; here, a week after it was accepted."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What arrives and who reads it."""

    name: str
    events_a_day: float
    batch: int
    ours: c.Kind
    plain_units: float
    """Write units of the event in the plain build, which compresses nothing."""
    plain_bytes: int
    uses_sources: bool = False

    @property
    def events(self) -> float:
        """Events a month."""
        return self.events_a_day * DAYS


LOADS = (
    Load(name="1 M a day, one per POST", events_a_day=1e6, batch=1, ours=c.SMALL, plain_units=2, plain_bytes=1_400),
    Load(name="100 M a day, 100 per POST", events_a_day=1e8, batch=100, ours=c.SMALL, plain_units=2, plain_bytes=1_400),
    Load(
        name="10 M webhooks of 10 KB a day, to sources",
        events_a_day=1e7,
        batch=1,
        ours=c.WEBHOOK,
        plain_units=10.7,
        plain_bytes=10_700,
        uses_sources=True,
    ),
)


def rows(load: Load) -> Iterator[tuple[str, ...]]:
    """Yield the lines of a bill: here on functions and in containers, and the plain build in containers."""
    ours, plain = _shared(load), _plain(load)
    columns = (ours | _functions(load), ours | _containers(load, shared=True), plain | _containers(load, shared=False))
    names = dict.fromkeys(name for column in columns for name in column)
    for name in names:
        yield name, *(_dollars(column.get(name, 0)) for column in columns)
    yield "**total**", *(f"**{_dollars(sum(column.values()))}**" for column in columns)


def _shared(load: Load) -> dict[str, float]:
    """Return what both deployments of this design pay."""
    events, kind = load.events, load.ours
    stored_gb = events * (kind.stored_bytes + 200) * c.KEPT_MONTHS / 1e9
    read_units = kind.stored_bytes / 4_096
    return {
        "storing, guard and event": _writes(events * kind.write_units),
        # The delivered event is inserted, the listed one is read and deleted.
        "acks": _writes(events * 2 * kind.event_units)
        + _reads(events * math.ceil(read_units))
        + events / ACKED_PER_POST * 1.2 * c.SQS_PRICE / 1e6,
        "one follower: events, and polls": _reads(events * read_units + POLLS_PER_SECOND * c.MONTH_SECONDS),
        "one group: leases, and events": _writes(events / LEASED * 2 * LEDGER_UNITS) + _reads(events * read_units),
        "kept for 30 days": stored_gb * c.STORED_GB_MONTH,
        "point-in-time recovery": stored_gb * PITR_GB_MONTH,
        "KMS key of the sources": KMS_KEY_MONTH if load.uses_sources else 0,
    }


def _plain(load: Load) -> dict[str, float]:
    events = load.events
    return {
        "storing, guard and event": _writes(events * (load.plain_units + 1)),
        "acks": _writes(events * load.plain_units),
        "one follower: events, and polls": _reads(
            events * load.plain_bytes / 4_096 + POLLS_PER_SECOND * c.MONTH_SECONDS
        ),
        "kept for 30 days": events
        * (load.plain_bytes * KEPT_PLAIN_MONTHS + 200 * c.KEPT_MONTHS)
        / 1e9
        * c.STORED_GB_MONTH,
    }


def _functions(load: Load) -> dict[str, float]:
    # A follower occupies a sandbox all the time; half a gigabyte each, as ingest.
    waits = c.MONTH_SECONDS / POLL_SECONDS
    calls = load.events / load.batch + 2 * load.events / ACKED_PER_POST + waits
    return {
        "requests and compute": c.function_dollars(load.events, load.batch)
        - c.queue_dollars(load.events, load.batch)
        - load.events / load.batch * c.LOG_BYTES_PER_CALL / 1e9 * c.LOG_GB
        + c.MONTH_SECONDS * 0.5 * c.GB_SECOND
        + (calls - load.events / load.batch) * (c.API_PRICE + c.INVOKE_PRICE) / 1e6,
        "queue": c.queue_dollars(load.events, load.batch),
        "logs": calls * c.LOG_BYTES_PER_CALL / 1e9 * c.LOG_GB,
    }


def _containers(load: Load, *, shared: bool) -> dict[str, float]:
    """Return what containers cost. `shared`: requests share messages; the plain build sends one per event."""
    events_a_message = (load.batch if load.batch > 1 else c.SHARED_POSTS) if shared else 1
    size = load.ours.stored_bytes if shared else load.plain_bytes
    calls = load.events / load.batch + 2 * load.events / ACKED_PER_POST
    return {
        "requests and compute": c.task_dollars(load.events, load.batch) + c.fixed_dollars(),
        "queue": c.queue_dollars(load.events, events_a_message),
        # Endpoints of tables and bucket are free; that of the queue charges by volume, as the NAT does for logs.
        "endpoint and NAT, by volume": 2 * load.events * size / 1e9 * ENDPOINT_GB
        + calls * c.LOG_BYTES_PER_CALL / 1e9 * NAT_GB,
        "logs": calls * c.LOG_BYTES_PER_CALL / 1e9 * c.LOG_GB,
    }


def _writes(units: float) -> float:
    return units * c.WRITE_PRICE / 1e6


def _reads(units: float) -> float:
    return units * c.READ_PRICE / 1e6


def _dollars(amount: float) -> str:
    return f"${amount:,.0f}" if amount else ""
