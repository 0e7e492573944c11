"""Group commit: concurrent requests share calls to SQS, and those of one tenant and key share packs.

A call costs about 1 ms of CPU whatever it carries. So a request's events join a draft, and what is drafted goes out:

* at once, while no call is in flight: an idle service adds no latency;
* else as soon as the last call is `pace` old. Calls that carry little would take the CPU from those who wait for them;
* in at most `sends` calls at a time. While those are in flight, the drafts grow until one returns.

A request is answered when the pack that holds it is confirmed, never before.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from time import perf_counter

from ingest.pending_pack import PendingPack, size_of, size_of_removal
from shared.clock import Clock
from shared.model import pack
from shared.model.errors import TooLarge, TriggersError, Unavailable
from shared.model.event import MAX_REQUEST_BYTES, Event
from shared.model.pack import AckPack, Removal
from shared.model.records import Outcome
from shared.ports import MAX_MESSAGES, MessageSink
from shared.settings import Settings
from shared.telemetry.catalog import Metrics

logger = logging.getLogger("triggers.ingest")

_THREAD_BYTES = 128 * 1024
"""A larger pack is encoded in a thread: zstd and base64 take some ms a MiB, which every other request would feel."""


class Publisher:
    """Sends events to the queue. One per process; not thread-safe."""

    def __init__(self, queue: MessageSink, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._queue = queue
        self._clock = clock
        self._sends = settings.queue_sends
        self._pace_seconds = settings.queue_pace_ms / 1000
        self._timeout_seconds = settings.queue_timeout_ms / 1000
        self._max_bytes = settings.buffer_bytes
        self._max_events = settings.buffer_events
        self._fair = settings.fair_queues
        self._drafts: deque[PendingPack] = deque()
        self._open: dict[tuple[str, str], PendingPack] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._next_call_at = 0.0  # by the loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._held_bytes = 0
        self._held_events = 0
        self._closed = False
        self._full = metrics.shed.of("buffer")
        self._failed = metrics.packs_failed.of()
        self._packs_sent = metrics.send_packs.of()
        self._events_sent = metrics.send_events.of()
        self._send_seconds = metrics.send_seconds.of()
        metrics.buffer_bytes.of().read = lambda: self._held_bytes
        metrics.buffer_events.of().read = lambda: self._held_events

    async def publish(self, tenant: str, key_id: str, events: Sequence[Event], traceparent: str | None = None) -> None:
        """Return when the queue holds all `events`; they travel in one pack.

        Raises `Unavailable` if it does not, or may not, or the buffer is full, or the process shuts down.
        """
        size = size_of(events)
        self._admit(size, len(events))
        draft = self._draft(tenant, key_id, size)
        draft.events += events
        await self._sent(draft, size, len(events), traceparent)

    async def publish_removal(self, whole: AckPack | Removal, traceparent: str | None = None) -> None:
        """Return when the queue holds `whole`, a pack that no other request joins. Raises what `publish` does."""
        size, count = size_of_removal(whole)
        self._admit(size, count)
        draft = PendingPack(whole.tenant, whole.key_id, whole.accepted_at, whole=whole)
        self._drafts.append(draft)
        await self._sent(draft, size, count, traceparent)

    async def _sent(self, draft: PendingPack, size: int, count: int, traceparent: str | None) -> None:
        """Count a request's share of `draft`, see that it is sent, and return when it is."""
        draft.size += size
        draft.count += count
        draft.traceparent = draft.traceparent or traceparent
        waiter = asyncio.get_running_loop().create_future()
        draft.waiters.append(waiter)
        self._start()
        # If this request is cancelled only its waiter is: the pack goes out as it is, for the others in it.
        await waiter

    async def ready(self) -> None:
        """Return if the queue answers; raise `Unavailable` if it does not."""
        await self._queue.backlog()

    async def aclose(self) -> None:
        """Take no more, and return when all that was taken is sent or failed."""
        self._closed = True
        while self._calls:
            await asyncio.wait(self._calls)

    def _admit(self, size: int, count: int) -> None:
        if self._closed:
            raise Unavailable("ingest is shutting down")
        full = self._held_bytes + size > self._max_bytes or self._held_events + count > self._max_events
        # One request always fits: its pack may be somewhat larger than a small buffer.
        if full and self._held_events:
            self._full.add()
            raise Unavailable("the buffer is full")
        self._held_bytes += size
        self._held_events += count

    def _draft(self, tenant: str, key_id: str, size: int) -> PendingPack:
        """Return the open draft of this tenant and key, if it has room for `size` bytes, else a new one."""
        draft = self._open.get((tenant, key_id))
        if draft is None or draft.size + size > pack.MAX_PLAIN_BYTES:
            draft = self._open[tenant, key_id] = PendingPack(tenant, key_id, self._clock.wall_ms())
            self._drafts.append(draft)
        return draft

    def _start(self) -> None:
        """Start a call if there is something to send and it is time for one, or see to it that it is started then."""
        if not self._drafts or self._timer or len(self._calls) >= self._sends:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._calls and now < self._next_call_at:
            self._timer = loop.call_at(self._next_call_at, self._start_on_time)
            return
        self._next_call_at = now + self._pace_seconds
        call = asyncio.create_task(self._call())
        self._calls.add(call)
        call.add_done_callback(self._end)

    def _start_on_time(self) -> None:
        self._timer = None
        self._start()

    def _end(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if self._timer and not self._calls:
            self._timer.cancel()
            self._timer = None
        self._start()

    async def _call(self) -> None:
        """Send what one call carries, and tell those who wait for it."""
        call: list[PendingPack] = []
        try:
            await self._load(call)
            if not call:  # another took all, as it began first
                return
            errors = await self._send(call)
        except asyncio.CancelledError:
            self._settle(call, [Unavailable("ingest was stopped")] * len(call))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, these requests must hear of it
            errors = [error] * len(call)
        self._settle(call, errors)

    async def _load(self, call: list[PendingPack]) -> None:
        """Move drafts to `call`, as many as one call carries, and encode them."""
        room = pack.MAX_MESSAGE_BYTES
        while self._drafts and len(call) < MAX_MESSAGES:
            draft = self._drafts.popleft()
            if self._open.get((draft.tenant, draft.key_id)) is draft:
                del self._open[draft.tenant, draft.key_id]
            call.append(draft)
            if draft.body is None:
                await asyncio.to_thread(draft.encode) if draft.size > _THREAD_BYTES else draft.encode()
            if draft.sent_bytes > room and len(call) > 1:
                self._drafts.appendleft(call.pop())
                return
            room -= draft.sent_bytes

    async def _send(self, call: list[PendingPack]) -> list[Exception | None]:
        """Send one call; return what became of each draft."""
        if len(call) == 1 and call[0].sent_bytes > pack.MAX_MESSAGE_BYTES:
            return [TooLarge(MAX_REQUEST_BYTES)]
        messages = [draft.outgoing(fair=self._fair) for draft in call]
        self._packs_sent.observe(len(call))
        self._events_sent.observe(sum(draft.count for draft in call))
        started = perf_counter()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                outcomes = await self._queue.send(messages)
        except (TriggersError, TimeoutError) as error:
            logger.warning("send failed", extra={"error": f"{type(error).__name__}: {error}", "packs": len(call)})
            return [Unavailable(f"the queue did not confirm: {type(error).__name__}")] * len(call)
        finally:
            self._send_seconds.observe(perf_counter() - started)
        return [
            None if outcome is Outcome.DONE else Unavailable(f"the queue answered {outcome.value}")
            for outcome in outcomes
        ]

    def _settle(self, call: list[PendingPack], errors: Sequence[Exception | None]) -> None:
        for draft, error in zip(call, errors, strict=True):
            self._held_bytes -= draft.size
            self._held_events -= draft.count
            self._failed.add(error is not None)
            draft.settle(error)
