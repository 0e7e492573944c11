"""What is counted: the whole list. `docs/metrics.md` is made from it.

    metrics = Metrics()
    accepted = metrics.events_accepted.of()     # once, when what counts is made
    accepted.add(25)                            # then as often as it happens

One `Metrics` a process, handed to what counts in it. Nothing of a payload, no id and no name that a customer gave is
ever a label: labels have few values, all known beforehand.
"""

from functools import partial
from typing import TypeVar

from shared.telemetry.instruments import AnyFamily, Counter, Family, Gauge, Histogram, Labels

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other")
ROUTES = (
    "/v1/events",
    "/v1/events/{id}",
    "/v1/acks",
    "/v1/inbox",
    "/v1/queue",
    "/v1/dlq",
    "/v1/dlq/redrive",
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

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
"""Seconds that one call or request takes; a long poll waits up to 20."""

_LATE = (0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 1800, 7200, 86_400)
"""Seconds that an event is under way; a backlog may be days old."""

_MANY = (0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
_TEN = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
_CHUNK = (1, 2, 5, 10, 15, 20, 25)


F = TypeVar("F", Family[Counter], Family[Gauge], Family[Histogram])


class Metrics:
    """Everything that one process counts. `scraped`: somebody may ask for it over HTTP; a Lambda writes it instead."""

    def __init__(self, *, scraped: bool = True) -> None:
        self.scraped = scraped
        self.families: list[AnyFamily] = []
        self._http()
        self._ingest()
        self._worker()
        self._queue()
        self._inbox()

    def _http(self) -> None:
        self.http_request_seconds = self._histogram(
            "triggers_http_request_duration_seconds",
            _FAST,
            "Requests, by how long their answer took. Waiting in a long poll is part of it; a client that left is 4xx",
            {"method": METHODS, "route": ROUTES, "status": STATUSES},
        )
        self.rate_limited = self._counter(
            "triggers_rate_limited_total",
            "Requests that a limit refused (429): `rate` is a key's own, `secrets` that of wrong secrets for one key",
            {"limit": ("rate", "secrets")},
        )

    def _ingest(self) -> None:
        self.events_accepted = self._counter("triggers_events_accepted_total", "Events answered with 202")
        self.shed = self._counter(
            "triggers_ingest_shed_total",
            "Requests refused early (503): `posts` past MAX_POSTS, `event_loop` while the event loop falls behind,"
            " `buffer` past BUFFER_BYTES or BUFFER_EVENTS",
            {"reason": ("posts", "event_loop", "buffer")},
        )
        self.posts_under_way = self._gauge("triggers_ingest_posts_under_way", "POSTs of events that wait or work")
        self.buffer_bytes = self._gauge("triggers_ingest_buffer_bytes", "Bytes that wait for the queue")
        self.buffer_events = self._gauge("triggers_ingest_buffer_events", "Events that wait for the queue")
        self.send_packs = self._histogram("triggers_ingest_send_packs", _TEN, "Calls to the queue, by packs in a call")
        self.send_events = self._histogram(
            "triggers_ingest_send_events", _MANY, "Calls to the queue, by events in a call"
        )
        self.send_seconds = self._histogram(
            "triggers_ingest_send_duration_seconds", _FAST, "Calls to the queue, by how long they took"
        )
        self.packs_failed = self._counter(
            "triggers_ingest_packs_failed_total", "Packs that the queue did not confirm; their requests got a 503"
        )

    def _worker(self) -> None:
        self.receives = self._counter(
            "triggers_worker_receives_total",
            "Polls of the queue: with messages, `empty`, or `failed`",
            {"outcome": ("messages", "empty", "failed")},
        )
        self.batch_messages = self._histogram(
            "triggers_worker_batch_messages", (*_TEN, 100, 1000, 10_000), "Batches, by messages in a batch"
        )
        self.batch_seconds = self._histogram(
            "triggers_worker_batch_duration_seconds", _FAST, "Batches, by how long all their messages took"
        )
        self.chunk_events = self._histogram(
            "triggers_worker_chunk_events", _CHUNK, "Chunks written together, by events in a chunk"
        )
        self.chunk_seconds = self._histogram(
            "triggers_worker_chunk_duration_seconds", _FAST, "Chunks, by how long claim and commit took"
        )
        self.concurrency_limit = self._gauge(
            "triggers_worker_concurrency_limit",
            "Chunks that a worker writes at the same time; fewer than 8 while the table is slow",
        )
        self.messages = self._counter(
            "triggers_worker_messages_total",
            "Messages by what was done with them: `delete` done, `retry` later, `leave` to the redrive: unreadable",
            {"action": ("delete", "retry", "leave")},
        )
        self.events = self._counter(
            "triggers_worker_events_total",
            "Events by what became of them. A redelivery counts again: what was stored before it is `stored`",
            {"result": ("stored", "duplicate", "conflict", "expired", "erased", "dead", "postponed")},
        )
        self.removals = self._counter(
            "triggers_worker_removals_total",
            "Acks and erases by what became of them: `acked`, `removed` (erased), `gone` before, `postponed`",
            {"result": ("acked", "removed", "gone", "postponed")},
        )
        self.repositions = self._counter(
            "triggers_worker_repositions_total", "Events moved to a new position, as their commit may have come late"
        )
        self.take_overs = self._counter(
            "triggers_worker_take_overs_total", "Identities taken over by an event accepted after the window"
        )
        self.dead_letters = self._counter(
            "triggers_worker_dead_letters_total",
            "Events for the DLQ alone: `sent`, `withheld` by DEAD_LETTERS_PER_MINUTE, or `failed` to go",
            {"outcome": ("sent", "withheld", "failed")},
        )
        self.stored_seconds = self._histogram(
            "triggers_stored_latency_seconds", _LATE, "Events stored, by the time since they were accepted"
        )

    def _queue(self) -> None:
        self.queue_messages = self._gauge(
            "triggers_queue_messages", "Messages that wait, about; sampled every 15 seconds", {"queue": QUEUES}
        )
        self.queue_age = self._gauge(
            "triggers_queue_age_seconds",
            "How long the oldest message of the latest receive had waited; 0 once a receive came back empty",
        )

    def _inbox(self) -> None:
        self.page_events = self._histogram("triggers_inbox_page_events", _MANY, "Pages read, by events on a page")
        self.reads = self._counter(
            "triggers_inbox_reads_total",
            "Pages asked for: `made` for one reader, or `shared` with one who asked the same at the same time",
            {"read": ("made", "shared")},
        )
        self.waiters = self._gauge("triggers_inbox_waiters", "Requests that wait for an event")
        self.watched = self._gauge("triggers_inbox_watched", "Inboxes that somebody waits at")
        self.first_read_seconds = self._histogram(
            "triggers_first_read_latency_seconds",
            _LATE,
            "Events that this process hands out for the first time, by the time since they were accepted",
        )

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
