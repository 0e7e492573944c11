"""The metrics of a processor."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

from shared.model.pack import EventPack, Pack
from shared.telemetry.catalog import Metrics
from worker.commit.event_commit import Result
from worker.commit.removal import Removed


class ProcessorCounts:
    """Counts and times the work of one `Processor`."""

    def __init__(self, metrics: Metrics) -> None:
        self.batch_messages = metrics.batch_messages.of()
        self._chunk_events = metrics.chunk_events.of()
        self._chunk_seconds = metrics.chunk_seconds.of()
        self._stored_seconds = metrics.stored_seconds.of()
        self._events = {result.value: metrics.events.of(result.value) for result in Result}
        # `MISSING` becomes `GONE` or postponed.
        removed = [result.value for result in Removed if result is not Removed.MISSING]
        self._removals = {name: metrics.removals.of(name) for name in (*removed, Result.POSTPONED.value)}

    @contextmanager
    def chunk(self, events: int) -> Iterator[None]:
        """Count and time a chunk that is claimed and committed in this context."""
        started = perf_counter()
        try:
            yield
        finally:
            self._chunk_events.observe(events)
            self._chunk_seconds.observe(perf_counter() - started)

    def message(self, pack: Pack, counts: Mapping[str, int], now_ms: int) -> None:
        """Count the outcomes of a message's events."""
        counters = self._events if isinstance(pack, EventPack) else self._removals
        for result, count in counts.items():
            counters[result].add(count)
        if isinstance(pack, EventPack) and (stored := counts.get(Result.STORED.value)):
            self._stored_seconds.observe(max(0, now_ms - pack.accepted_at) / 1000, stored)
