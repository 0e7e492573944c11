"""Group commit: concurrent requests share calls to SQS, and those of one tenant, key and window share packs.

A call costs about 1 ms of CPU, however little it carries. So the events of a request join a pending pack, and pending
packs are sent:

* at once if no call is in flight, so an idle service adds no latency, or if they fill a call;
* otherwise once `queue_pace_ms` have passed since the last call began: small calls would take CPU from other requests;
* in at most `queue_sends` calls at a time, full ones in up to four times as many. While those are in flight, pending
  packs grow until one returns. Packs of many tenants do not grow; they need the additional calls.

A request is answered only after its pack has been confirmed.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from time import perf_counter

from ingest.pending_pack import PendingPack, size_of, size_of_removal
from shared.clock import Clock
from shared.model import pack
from shared.model.errors import StorageFull, TooLarge, TriggersError, Unavailable
from shared.model.event import MAX_REQUEST_BYTES, Event
from shared.model.pack import AckPack, Removal
from shared.model.records import Outcome
from shared.ports import MAX_MESSAGES, MessageSink
from shared.settings import Settings
from shared.telemetry.catalog import Metrics

logger = logging.getLogger("triggers.ingest")

_FULL_CALLS = 4
"""Full calls may be in flight up to this many times `queue_sends`: waiting would not make them any larger."""

_THREAD_BYTES = 128 * 1024
"""A larger pack is encoded in a thread: zstd and base64 take some ms per MiB, which would delay every other request."""


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
        self._pending: deque[PendingPack] = deque()
        self._open: dict[tuple[str, str, int | None], PendingPack] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._loading = 0  # calls that have not taken their packs yet
        self._next_call_at = 0.0  # on the event loop's clock
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

    async def publish(
        self,
        tenant: str,
        key_id: str,
        events: Sequence[Event],
        traceparent: str | None = None,
        *,
        window_seconds: int | None = None,
    ) -> None:
        """Return once the queue holds all `events`, in one pack; `window_seconds` overrides the deduplication window.

        Raises `Unavailable` if the queue did not confirm them, the buffer is full, or the process is shutting down;
        `TooLarge` if they do not fit in one message.
        """
        size = size_of(events)
        self._admit(size, len(events))
        pending = self._open_pack(tenant, key_id, window_seconds, size)
        pending.events += events
        await self._sent(pending, size, len(events), traceparent)

    async def publish_removal(self, removal: AckPack | Removal, traceparent: str | None = None) -> None:
        """Return once the queue holds `removal`, which no other request shares. Raises what `publish` raises."""
        size, count = size_of_removal(removal)
        self._admit(size, count)
        pending = PendingPack(removal.tenant, removal.key_id, removal.accepted_at, removal)
        self._pending.append(pending)
        await self._sent(pending, size, count, traceparent)

    async def _sent(self, pending: PendingPack, size: int, count: int, traceparent: str | None) -> None:
        """Add the size and count of a request to `pending`, and return once it is sent."""
        pending.size += size
        pending.count += count
        pending.traceparent = pending.traceparent or traceparent
        waiter = asyncio.get_running_loop().create_future()
        pending.waiters.append(waiter)
        self._start()
        # Cancelling this request cancels only its waiter: the pack is sent unchanged, for the others in it.
        await waiter

    async def ready(self) -> None:
        """Return if the queue answers; raise `Unavailable` if it does not."""
        await self._queue.backlog()

    async def aclose(self) -> None:
        """Refuse new requests, and return once all accepted ones have been sent or have failed."""
        self._closed = True
        while self._calls:
            await asyncio.wait(self._calls)

    def _admit(self, size: int, count: int) -> None:
        if self._closed:
            raise Unavailable("ingest is shutting down")
        full = self._held_bytes + size > self._max_bytes or self._held_events + count > self._max_events
        # An empty buffer admits any request: its pack may be somewhat larger than a small buffer.
        if full and self._held_events:
            self._full.add()
            raise Unavailable("the buffer is full")
        self._held_bytes += size
        self._held_events += count

    def _open_pack(self, tenant: str, key_id: str, window_seconds: int | None, size: int) -> PendingPack:
        """Return the open pack of this tenant, key and window if it has room for `size` bytes, otherwise a new one."""
        pending = self._open.get((tenant, key_id, window_seconds))
        if pending is None or pending.size + size > pack.MAX_PLAIN_BYTES:
            pending = PendingPack(tenant, key_id, self._clock.wall_ms(), window_seconds=window_seconds)
            self._open[pending.key] = pending
            self._pending.append(pending)
        return pending

    def _start(self) -> None:
        """Start a call if there is something to send and the pace allows it; otherwise set a timer for it."""
        left = len(self._pending) - self._loading * MAX_MESSAGES
        is_full = left >= MAX_MESSAGES
        if left <= 0 or len(self._calls) >= self._sends * (_FULL_CALLS if is_full else 1):
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._calls and now < self._next_call_at and not is_full:
            self._timer = self._timer or loop.call_at(self._next_call_at, self._start_on_time)
            return
        self._stop_timer()
        self._next_call_at = now + self._pace_seconds
        self._loading += 1
        call = asyncio.create_task(self._call())
        self._calls.add(call)
        call.add_done_callback(self._end)

    def _start_on_time(self) -> None:
        self._timer = None
        self._start()

    def _end(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not self._calls:
            self._stop_timer()
        self._start()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    async def _call(self) -> None:
        """Send the pending packs that fit in one call, and complete the requests in them."""
        call: list[PendingPack] = []
        try:
            try:
                await self._load(call)
            finally:
                self._loading -= 1
            if not call:  # an earlier call took them all
                return
            self._start()  # for packs that did not fit
            errors = await self._send(call)
        except asyncio.CancelledError:
            self._resolve(call, [Unavailable("ingest was stopped")] * len(call))
            raise
        except Exception as error:  # noqa: BLE001 - any error must reach these requests
            errors = [error] * len(call)
        self._resolve(call, errors)

    async def _load(self, call: list[PendingPack]) -> None:
        """Move pending packs to `call`, as many as fit in one call, and encode them."""
        room = pack.MAX_MESSAGE_BYTES
        while self._pending and len(call) < MAX_MESSAGES:
            pending = self._pending.popleft()
            if self._open.get(pending.key) is pending:
                del self._open[pending.key]
            call.append(pending)
            if pending.body is None:
                await asyncio.to_thread(pending.encode) if pending.size > _THREAD_BYTES else pending.encode()
            if pending.sent_bytes > room and len(call) > 1:
                self._pending.appendleft(call.pop())
                return
            room -= pending.sent_bytes

    async def _send(self, call: list[PendingPack]) -> list[Exception | None]:
        """Send one call; return the error of each pack, None if it was confirmed."""
        if len(call) == 1 and call[0].sent_bytes > pack.MAX_MESSAGE_BYTES:
            return [TooLarge(MAX_REQUEST_BYTES)]
        messages = [pending.outgoing(fair=self._fair) for pending in call]
        self._packs_sent.observe(len(call))
        self._events_sent.observe(sum(pending.count for pending in call))
        started = perf_counter()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                outcomes = await self._queue.send(messages)
        except (TriggersError, TimeoutError) as error:
            logger.warning("send failed", extra={"error": f"{type(error).__name__}: {error}", "packs": len(call)})
            kind = StorageFull if isinstance(error, StorageFull) else Unavailable
            return [kind(f"the queue did not confirm: {type(error).__name__}")] * len(call)
        finally:
            self._send_seconds.observe(perf_counter() - started)
        return [
            None if outcome is Outcome.DONE else Unavailable(f"the queue answered {outcome.value}")
            for outcome in outcomes
        ]

    def _resolve(self, call: list[PendingPack], errors: Sequence[Exception | None]) -> None:
        for pending, error in zip(call, errors, strict=True):
            self._held_bytes -= pending.size
            self._held_events -= pending.count
            self._failed.add(error is not None)
            pending.resolve(error)
