"""The catalog of all metrics. `docs/metrics.md` is generated from it.

    metrics = Metrics()
    accepted = metrics.events_accepted.of()     # once, in the constructor of the instrumented object
    accepted.add(25)                            # then for every occurrence

Each process has one `Metrics`, passed to everything it instruments. Payloads, ids and names from customers are never
labels: labels have few values, all known in advance.
"""

from functools import partial
from typing import TypeVar

from shared.model.source_scheme import SCHEMES
from shared.telemetry.instruments import AnyFamily, Counter, Family, Gauge, Histogram, Labels

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other")
ROUTES = (
    "/v1/events",
    "/v1/events/{id}",
    "/v1/acks",
    "/v1/in/{token}",
    "/v1/inbox",
    "/v1/inboxes",
    "/v1/leases",
    "/v1/leases/{lease}",
    "/v1/groups",
    "/v1/queue",
    "/v1/dlq",
    "/",
    "/healthz",
    "/readyz",
    "/status",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/redoc",
    "other",
)
STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
QUEUES = ("events", "dlq")
GROUP_SOURCES = ("lapsed", "retries", "fresh")
REFUSALS = ("connections", "address", "memory", "line", "headers", "malformed", "pipelined", "slow", "reader", "unsent")

OUTCOMES = ("accepted", "handshake", "unauthentic", "too_large", "limited", "failed")
"""Outcomes of a request to a source's URL."""

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
"""Seconds of one call or request; a long poll takes up to 20."""

_LATE = (0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 1800, 7200, 86_400)
"""Seconds of an event in the pipeline; a backlog may be days old."""

_MANY = (0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
_TEN = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
_CHUNK = (1, 2, 5, 10, 15, 20, 25)


F = TypeVar("F", Family[Counter], Family[Gauge], Family[Histogram])


class Metrics:
    """The metrics of one process. `scraped`: they may be served over HTTP; on Lambda they are logged instead."""

    def __init__(self, *, scraped: bool = True) -> None:
        self.scraped = scraped
        self.families: list[AnyFamily] = []
        self._http()
        self._clock()
        self._ingest()
        self._worker()
        self._queue()
        self._inbox()
        self._groups()

    def _http(self) -> None:
        self.http_request_seconds = self._histogram(
            "triggers_http_request_duration_seconds",
            _FAST,
            "Request duration, including the wait of a long poll; a client that disconnects counts as 4xx",
            {"method": METHODS, "route": ROUTES, "status": STATUSES},
        )
        self.rate_limited = self._counter(
            "triggers_rate_limited_total",
            "Rate-limited requests (429): by the key's `rate`, or by wrong `secrets` for one key",
            {"limit": ("rate", "secrets")},
        )
        self.http_refusals = self._counter(
            "triggers_http_refusals_total",
            "Connections and requests refused by the server itself: past MAX_CONNECTIONS (`connections`) or"
            " MAX_CONNECTIONS_PER_ADDRESS (`address`), past what all unfinished headers may take (`memory`), too long a"
            " URL (`line`), too many or too large `headers`, `malformed`, too many `pipelined`, too `slow`, answers"
            " past MAX_UNSENT_BYTES (`unsent`), and a `reader` that was cut off",
            {"reason": REFUSALS},
        )

    def _clock(self) -> None:
        self.clock_error = self._gauge(
            "triggers_clock_error_seconds",
            "By how much the clock of the process is at least ahead (negative: behind) of those of SQS and DynamoDB; 0"
            " while it may be right",
        )
        self.clock_refusals = self._counter(
            "triggers_clock_refusals_total",
            "Messages that were not processed, and requests that were not answered, because the clock is wrong",
        )

    def _ingest(self) -> None:
        self.events_accepted = self._counter(
            "triggers_events_accepted_total", "Events accepted (202), and deliveries to sources (200)"
        )
        self.source_deliveries = self._counter(
            "triggers_source_deliveries_total",
            "Deliveries to sources by scheme (`unknown`: no such URL) and outcome: `accepted`, an answered `handshake`,"
            " `unauthentic` (401), `too_large` (413), `limited` (429), `failed`",
            {"scheme": (*SCHEMES, "unknown"), "outcome": OUTCOMES},
        )
        self.shed = self._counter(
            "triggers_ingest_shed_total",
            "Requests shed (503): `posts` above MAX_POSTS, `event_loop` while the event loop lags, `buffer` above"
            " BUFFER_BYTES or BUFFER_EVENTS",
            {"reason": ("posts", "event_loop", "buffer")},
        )
        self.posts_under_way = self._gauge("triggers_ingest_posts_under_way", "POSTs of events in progress")
        self.buffer_bytes = self._gauge("triggers_ingest_buffer_bytes", "Event bytes buffered for the queue")
        self.buffer_events = self._gauge("triggers_ingest_buffer_events", "Events buffered for the queue")
        self.send_packs = self._histogram("triggers_ingest_send_packs", _TEN, "Packs per send to the queue")
        self.send_events = self._histogram("triggers_ingest_send_events", _MANY, "Events per send to the queue")
        self.send_seconds = self._histogram(
            "triggers_ingest_send_duration_seconds", _FAST, "Duration of a send to the queue"
        )
        self.packs_failed = self._counter(
            "triggers_ingest_packs_failed_total",
            "Packs that the queue did not confirm; their requests are answered with 503",
        )

    def _worker(self) -> None:
        self.receives = self._counter(
            "triggers_worker_receives_total",
            "Receive calls: with `messages`, `empty` or `failed`",
            {"outcome": ("messages", "empty", "failed")},
        )
        self.batch_messages = self._histogram(
            "triggers_worker_batch_messages", (*_TEN, 100, 1000, 10_000), "Messages per batch"
        )
        self.batch_seconds = self._histogram(
            "triggers_worker_batch_duration_seconds", _FAST, "Processing time of a batch"
        )
        self.chunk_events = self._histogram(
            "triggers_worker_chunk_events", _CHUNK, "Events per chunk, the unit of a batch write"
        )
        self.chunk_seconds = self._histogram(
            "triggers_worker_chunk_duration_seconds", _FAST, "Duration of claim and commit of a chunk"
        )
        self.concurrency_limit = self._gauge(
            "triggers_worker_concurrency_limit",
            "Chunks that a worker may write concurrently; below 8 while the table is slow or throttles",
        )
        self.messages = self._counter(
            "triggers_worker_messages_total",
            "Messages by disposition: `delete` when done, `retry` later, `leave` unreadable ones to the redrive policy",
            {"action": ("delete", "retry", "leave")},
        )
        self.events = self._counter(
            "triggers_worker_events_total",
            "Events by result. A redelivery counts again; an event stored before it is `stored`",
            {"result": ("stored", "duplicate", "conflict", "expired", "erased", "dead", "postponed")},
        )
        self.removals = self._counter(
            "triggers_worker_removals_total",
            "Acks and erasures: `acked`, `removed` (erased), `refused` (not a type of the key), already `gone`, or"
            " `postponed`",
            {"result": ("acked", "removed", "refused", "gone", "postponed")},
        )
        self.repositions = self._counter(
            "triggers_worker_repositions_total",
            "Events moved to a new position because their commit may have been late",
        )
        self.moved_claims = self._counter(
            "triggers_worker_moved_claims_total",
            "Claims moved to a new position before anything was inserted there, as for throttled events",
        )
        self.take_overs = self._counter(
            "triggers_worker_take_overs_total",
            "Identities taken over by an event accepted after the deduplication window",
        )
        self.dead_letters = self._counter(
            "triggers_worker_dead_letters_total",
            "Events that the worker moves to the DLQ: `sent`, `withheld` by DEAD_LETTERS_PER_MINUTE, or `failed`",
            {"outcome": ("sent", "withheld", "failed")},
        )
        self.stored_seconds = self._histogram(
            "triggers_stored_latency_seconds", _LATE, "Processing latency: time from acceptance to storage"
        )

    def _queue(self) -> None:
        self.queue_messages = self._gauge(
            "triggers_queue_messages",
            "Queue depth (approximate), sampled every 15 seconds by workers, and by ingest without the DLQ",
            {"queue": QUEUES},
        )
        self.queue_age = self._gauge(
            "triggers_queue_age_seconds",
            "Age of the oldest message in the latest receive; 0 after an empty receive",
        )

    def _inbox(self) -> None:
        self.page_events = self._histogram("triggers_inbox_page_events", _MANY, "Events per page read")
        self.reads = self._counter(
            "triggers_inbox_reads_total",
            "Pages requested: read for one reader (`made`), or `shared` with a concurrent identical request",
            {"read": ("made", "shared")},
        )
        self.waiters = self._gauge("triggers_inbox_waiters", "Long polls waiting for an event")
        self.watched = self._gauge("triggers_inbox_watched", "Inboxes with waiting long polls")
        self.first_read_seconds = self._histogram(
            "triggers_first_read_latency_seconds",
            _LATE,
            "Delivery latency: time from acceptance to the first read from this process",
        )

    def _groups(self) -> None:
        self.leases = self._counter(
            "triggers_group_leases_total",
            "Leases given: of `fresh` events, of `retries`, or of those of a lease that `lapsed` or was released",
            {"source": GROUP_SOURCES},
        )
        self.lease_events = self._histogram("triggers_group_lease_events", _MANY, "Events per lease")
        self.group_events = self._counter(
            "triggers_group_events_total",
            "Events that members have `acked` or `released`, and those put into quarantine (`quarantined`)",
            {"result": ("acked", "released", "quarantined")},
        )
        self.leases_lost = self._counter(
            "triggers_group_leases_lost_total", "Acks, extensions and releases of a lease that had ended (409)"
        )
        self.lease_conflicts = self._counter(
            "triggers_group_conflicts_total", "Changes of a ledger repeated because another process was faster"
        )
        self.members_waiting = self._gauge("triggers_group_members_waiting", "Members waiting for an event")

    def _counter(self, name: str, meaning: str, labels: Labels | None = None) -> Family[Counter]:
        return self._add(Family(Counter, name, meaning, labels or {}))

    def _gauge(self, name: str, meaning: str, labels: Labels | None = None) -> Family[Gauge]:
        return self._add(Family(Gauge, name, meaning, labels or {}))

    def _histogram(
        self, name: str, bounds: tuple[float, ...], meaning: str, labels: Labels | None = None
    ) -> Family[Histogram]:
        return self._add(Family(partial(Histogram, bounds), name, meaning, labels or {}))

    def _add(self, family: F) -> F:
        self.families.append(family)
        return family
