"""Group commit: concurrent requests share calls to SQS, and those of one tenant and key share packs.

A call costs about 1 ms of CPU whatever it carries. So a request's events join a draft, and:

* while fewer than `sends` calls are in flight, what is drafted goes out at once;
* else the drafts grow until a call returns.

There is no timer, so an idle service adds no latency, and a busy one batches by exactly as much as it must.
A request is answered when the pack that holds it is confirmed, never before.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from shared import pack
from shared.clock import Clock
from shared.errors import TooLarge, TriggersError, Unavailable
from shared.event import MAX_REQUEST_BYTES, Event
from shared.pack import EventPack
from shared.ports import MAX_MESSAGES, MessageSink, Outgoing
from shared.records import Outcome
from shared.settings import Settings

logger = logging.getLogger("triggers.ingest")

_THREAD_BYTES = 128 * 1024
"""A larger pack is encoded in a thread: zstd and base64 take some ms a MiB, which every other request would feel."""

_ENVELOPE_BYTES = 128  # of an event in a pack, besides its names: receipt, inbox, punctuation
_NAME_BYTES = 4  # of one character of a name, at most: UTF-8's longest, more than an escaped quote


class _Draft:
    """A pack in the making, and the requests that wait for it."""

    __slots__ = ("accepted_at", "body", "events", "key_id", "size", "tenant", "waiters")

    def __init__(self, tenant: str, key_id: str, accepted_at: int) -> None:
        self.tenant = tenant
        self.key_id = key_id
        self.accepted_at = accepted_at
        self.events: list[Event] = []
        self.size = 0
        self.waiters: list[asyncio.Future[None]] = []
        self.body: str | None = None

    def encode(self) -> str:
        """Return the message body; keeps it."""
        whole = EventPack(tenant=self.tenant, key_id=self.key_id, accepted_at=self.accepted_at, events=self.events)
        self.body = pack.encode(whole)
        return self.body

    def settle(self, error: Exception | None) -> None:
        """Answer the requests that still wait."""
        for waiter in self.waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)


class Publisher:
    """Sends events to the queue. One per process; not thread-safe."""

    def __init__(self, queue: MessageSink, settings: Settings, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._sends = settings.queue_sends
        self._timeout_seconds = settings.queue_timeout_ms / 1000
        self._max_bytes = settings.buffer_bytes
        self._max_events = settings.buffer_events
        self._fair = settings.fair_queues
        self._drafts: deque[_Draft] = deque()
        self._open: dict[tuple[str, str], _Draft] = {}
        self._senders: set[asyncio.Task[None]] = set()
        self._held_bytes = 0
        self._held_events = 0
        self._closed = False

    async def publish(self, tenant: str, key_id: str, events: Sequence[Event]) -> None:
        """Return when the queue holds all `events`; they travel in one pack.

        Raises `Unavailable` if it does not, or may not, or the buffer is full, or the process shuts down.
        """
        size = _size_of(events)
        if self._closed:
            raise Unavailable("ingest is shutting down")
        self._admit(size, len(events))
        draft = self._draft(tenant, key_id, size)
        draft.events += events
        draft.size += size
        waiter = asyncio.get_running_loop().create_future()
        draft.waiters.append(waiter)
        if len(self._senders) < self._sends:
            sender = asyncio.create_task(self._send_all())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        # If this request is cancelled only its waiter is: the pack goes out as it is, for the others in it.
        await waiter

    async def aclose(self) -> None:
        """Take no more, and return when all that was taken is sent or failed."""
        self._closed = True
        while self._senders:
            await asyncio.wait(self._senders)

    def _admit(self, size: int, count: int) -> None:
        full = self._held_bytes + size > self._max_bytes or self._held_events + count > self._max_events
        # One request always fits: its pack may be somewhat larger than a small buffer.
        if full and self._held_events:
            raise Unavailable("the buffer is full")
        self._held_bytes += size
        self._held_events += count

    def _draft(self, tenant: str, key_id: str, size: int) -> _Draft:
        """Return the open draft of this tenant and key, if it has room for `size` bytes, else a new one."""
        draft = self._open.get((tenant, key_id))
        if draft is None or draft.size + size > pack.MAX_PLAIN_BYTES:
            draft = self._open[tenant, key_id] = _Draft(tenant, key_id, self._clock.wall_ms())
            self._drafts.append(draft)
        return draft

    async def _send_all(self) -> None:
        """Send drafts, a call at a time, until there are none."""
        while self._drafts:
            call: list[_Draft] = []
            try:
                await self._load(call)
                errors = await self._send(call)
            except asyncio.CancelledError:
                self._settle(call, [Unavailable("ingest was stopped")] * len(call))
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, these requests must hear of it
                errors = [error] * len(call)
            self._settle(call, errors)

    async def _load(self, call: list[_Draft]) -> None:
        """Move drafts to `call`, as many as one call carries, and encode them."""
        room = pack.MAX_MESSAGE_BYTES
        while self._drafts and len(call) < MAX_MESSAGES:
            draft = self._drafts.popleft()
            if self._open.get((draft.tenant, draft.key_id)) is draft:
                del self._open[draft.tenant, draft.key_id]
            call.append(draft)
            body = draft.body
            if body is None:
                body = await asyncio.to_thread(draft.encode) if draft.size > _THREAD_BYTES else draft.encode()
            if len(body) > room and len(call) > 1:
                self._drafts.appendleft(call.pop())
                return
            room -= len(body)

    async def _send(self, call: list[_Draft]) -> list[Exception | None]:
        """Send one call; return what became of each draft."""
        if len(call) == 1 and len(call[0].body or "") > pack.MAX_MESSAGE_BYTES:
            return [TooLarge(MAX_REQUEST_BYTES)]
        messages = [Outgoing(body=draft.body or "", group=draft.tenant if self._fair else None) for draft in call]
        try:
            async with asyncio.timeout(self._timeout_seconds):
                outcomes = await self._queue.send(messages)
        except (TriggersError, TimeoutError) as error:
            logger.warning("send failed", extra={"error": f"{type(error).__name__}: {error}", "packs": len(call)})
            return [Unavailable(f"the queue did not confirm: {type(error).__name__}")] * len(call)
        return [
            None if outcome is Outcome.DONE else Unavailable(f"the queue answered {outcome.value}")
            for outcome in outcomes
        ]

    def _settle(self, call: list[_Draft], errors: Sequence[Exception | None]) -> None:
        for draft, error in zip(call, errors, strict=True):
            self._held_bytes -= draft.size
            self._held_events -= len(draft.events)
            draft.settle(error)


def _size_of(events: Sequence[Event]) -> int:
    """Return at least the bytes that `events` take in a pack."""
    names = sum(len(event.id) + len(event.source) + len(event.type) for event in events)
    bodies = sum(memoryview(event.body).nbytes for event in events)
    return bodies + _NAME_BYTES * names + _ENVELOPE_BYTES * len(events)
