"""The long-running worker: receives messages, keeps them invisible while it processes them, and applies dispositions.

A message is deleted only after its events are done, so a crash causes a redelivery, never a loss.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from shared.clock import Clock
from shared.containers import batches
from shared.model.errors import Unavailable, Unclear
from shared.ports import MAX_MESSAGES, EventQueue, Message
from shared.service_time import Reading, ServiceTime
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from worker.commit.dispositions import apply_dispositions, count_and_log
from worker.commit.processor import Processor
from worker.commit.retry import retry_until

_POLL_GRACE_SECONDS = 0.5
_DRAIN_MS = 20_000
_DELETE_RETRY_MS = 5_000
_COMPARE_MS = 1_000

_log = logging.getLogger("triggers.worker")


class Consumer:
    """Runs `worker_receivers` loops of receive, process and delete, each with one batch of up to 10 messages.

    While the clock is wrong by `service_time`, it receives nothing.
    """

    def __init__(
        self,
        *,
        queue: EventQueue,
        processor: Processor,
        clock: Clock,
        settings: Settings,
        metrics: Metrics | None = None,
        service_time: ServiceTime | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._service_time = service_time or ServiceTime()
        self._receives = {name: self._metrics.receives.of(name) for name in ("messages", "empty", "failed")}
        self._oldest = self._metrics.queue_age.of()
        self._queue = queue
        self._processor = processor
        self._clock = clock
        self._settings = settings
        self._stop = asyncio.Event()
        self._drained_by_ms: int | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Process messages until `stop` is set, then finish those already received.

        While the store is down they cannot be finished: 20 s after the stop, the rest returns to the queue.
        """
        self._stop = stop
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.worker_receivers):
                group.create_task(self._loop())

    async def _loop(self) -> None:
        while not self._stop.is_set():
            if self._service_time.is_wrong(Reading.of(self._clock)):
                await self._compare_clock()
                continue
            messages = await self._receive()
            self._oldest.value = self._oldest_age_seconds(messages)
            if messages:
                await self.handle(messages)

    async def _compare_clock(self) -> None:
        """Ask the queue for its depth, since the answer has a date. Meanwhile, messages stay with other workers."""
        with contextlib.suppress(Unavailable, Unclear):
            await self._queue.backlog()
        await self._clock.sleep_ms(_COMPARE_MS)

    async def _receive(self) -> list[Message]:
        """Return the messages of one long poll; none if the queue fails or the worker is stopping."""
        poll = asyncio.create_task(
            self._queue.receive(
                limit=MAX_MESSAGES,
                wait_seconds=self._settings.poll_seconds,
                visibility_seconds=self._settings.visibility_seconds,
            )
        )
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({poll, stopped}, return_when=asyncio.FIRST_COMPLETED)
            # A poll still pending 0.5 s after the stop has found an empty queue: canceling it loses nothing.
            await asyncio.wait({poll}, timeout=_POLL_GRACE_SECONDS)
            messages = await poll if poll.done() else []
        except (Unavailable, Unclear) as error:
            self._receives["failed"].add()
            _log.warning("receive failed", extra={"error": str(error)})
            await self._clock.sleep_ms(1000)
            return []
        else:
            self._receives["messages" if messages else "empty"].add()
            return messages
        finally:
            for task in (poll, stopped):
                task.cancel()

    async def handle(self, messages: Sequence[Message]) -> None:
        """Process one batch, extend its visibility timeout meanwhile, and apply its dispositions."""
        started_ms = self._clock.monotonic_ms()
        heartbeat = asyncio.create_task(self._extend_visibility(messages))
        try:
            dispositions = await self._processor.process(messages, give_up=self._must_give_up)
        finally:
            heartbeat.cancel()
        handled = list(zip(messages, dispositions, strict=True))
        for batch in batches(await apply_dispositions(handled, self._queue, self._settings), MAX_MESSAGES):
            await self._delete(batch)
        count_and_log(handled, self._clock.monotonic_ms() - started_ms, self._metrics)

    def _oldest_age_seconds(self, messages: Sequence[Message]) -> float:
        now_ms = self._clock.wall_ms()
        return max((now_ms - message.sent_at for message in messages if message.sent_at is not None), default=0) / 1000

    def _must_give_up(self) -> bool:
        if not self._stop.is_set():
            return False
        if self._drained_by_ms is None:
            self._drained_by_ms = self._clock.monotonic_ms() + _DRAIN_MS
        return self._clock.monotonic_ms() >= self._drained_by_ms

    async def _extend_visibility(self, messages: Sequence[Message]) -> None:
        while True:
            await self._clock.sleep_ms(self._settings.visibility_seconds * 1000 / 3)
            with contextlib.suppress(Unavailable, Unclear):
                await self._queue.change_visibility(messages, self._settings.visibility_seconds)

    async def _delete(self, messages: Sequence[Message]) -> None:
        """Delete `messages`, retrying for 5 s. If that fails, they are redelivered, which changes nothing."""

        async def attempt() -> bool:
            await self._queue.delete(messages)
            return True

        give_up_ms = self._clock.monotonic_ms() + _DELETE_RETRY_MS
        await retry_until(self._clock, attempt, give_up=lambda: self._clock.monotonic_ms() > give_up_ms)
