"""The queue and its DLQ for operators: count messages; list, open, redrive and drop dead letters."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from shared.clock import Clock
from shared.concurrency import SingleFlight
from shared.containers import batches
from shared.dead_letters import DeadLetter, DlqPeek, dead_letter_of, payloads_of, peek_dlq, redrive
from shared.model.errors import NotFound
from shared.ports import MAX_MESSAGES, EventQueue, Message
from shared.settings import Settings

MAX_DEAD_LETTERS = 100
"""The limit of dead letters in one list, and of ids in one redrive or drop."""

MAX_OPENED_BYTES = 1024 * 1024
"""The limit of payloads in one answer. A message of 1 MiB is compressed, and may hold ten times as much."""

NOT_IN_DLQ = "The message is not in the DLQ, or another reader holds it."

_VISIBILITY_SECONDS = 60
"""Listing takes a second or two. If the process is killed meanwhile, dead letters stay invisible for this long."""

_SEARCH_MS = 15_000
"""A search in a very long DLQ ends after this time with what it has found: proxies often time out after a minute."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The approximate numbers of messages in the queue (`waiting`) and in the DLQ (`dead`)."""

    waiting: int
    dead: int


class DeadLetterList(msgspec.Struct, frozen=True, kw_only=True):
    """Some dead letters, ordered by acceptance time, and whether there are more."""

    messages: Sequence[DeadLetter]
    more: bool


class RedriveResult(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of requested dead letters that were moved to the queue, and that were not."""

    redriven: int
    left: int


class DropResult(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of requested dead letters that were deleted, and that were not."""

    dropped: int
    left: int


class OpenedDeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter with its content.

    `payloads` are its events as CloudEvents JSON objects, without the last `omitted`. `text` is the whole message if it
    is unreadable, as a JSON string in ASCII, else null.
    """

    message: DeadLetter
    payloads: Sequence[msgspec.Raw]
    omitted: int
    text: msgspec.Raw


class QueuePair(NamedTuple):
    """A queue and its DLQ."""

    queue: EventQueue
    dlq: EventQueue


class OperatorQueues:
    """Works on dead letters, one operation at a time: a list makes them invisible, also to a redrive."""

    def __init__(self, pair: QueuePair, settings: Settings, clock: Clock) -> None:
        self._queue, self._dlq = pair
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._lists: SingleFlight[None, DeadLetterList] = SingleFlight()
        self._reading = False
        self._dead = 0

    async def aclose(self) -> None:
        """Cancel a list in progress."""
        await self._lists.aclose()

    async def counts(self) -> Counts:
        """Count messages. Raises `Unavailable` if a queue does not answer."""
        if self._reading:
            # The DLQ does not count invisible messages; this is its count from before they were received.
            return Counts(waiting=await self._queue.backlog(), dead=self._dead)
        waiting, dead = await asyncio.gather(self._queue.backlog(), self._dlq.backlog())
        return Counts(waiting=waiting, dead=self._dead if self._reading else dead)

    async def list_dead_letters(self) -> DeadLetterList:
        """Return up to `MAX_DEAD_LETTERS` dead letters; concurrent calls share one list.

        Raises `Unavailable` or `Unclear` if the DLQ does not answer.
        """
        return await self._lists.run(None, self._list_dead_letters)

    async def redrive(self, ids: Sequence[str]) -> RedriveResult:
        """Move the dead letters with these `ids` to the queue. Each is deleted from the DLQ after its copy is there.

        Raises `Unavailable` or `Unclear` if a queue does not answer. Some may have been moved by then; repeat the call
        to move the rest.
        """
        async with self._peeking() as peek:
            moved = await redrive(peek, await self._find(peek, ids), self._queue, fair=self._settings.fair_queues)
            self._dead = max(0, self._dead - moved)
        return RedriveResult(redriven=moved, left=len(set(ids)) - moved)

    async def drop(self, ids: Sequence[str]) -> DropResult:
        """Delete the dead letters with these `ids`; their events are lost.

        Raises `Unavailable` or `Unclear` if the DLQ does not answer; some may have been deleted by then.
        """
        async with self._peeking() as peek:
            found = await self._find(peek, ids)
            for some in batches(found, MAX_MESSAGES):
                await peek.delete(some)
            self._dead = max(0, self._dead - len(found))
        return DropResult(dropped=len(found), left=len(set(ids)) - len(found))

    async def open_dead_letter(self, id_: str) -> OpenedDeadLetter:
        """Return one dead letter with its content.

        Raises `NotFound` if it is not found within 15 seconds, `Unavailable` or `Unclear` if the DLQ does not answer.
        """
        async with self._peeking() as peek:
            found = await self._find(peek, [id_])
        if not found:
            raise NotFound(NOT_IN_DLQ)
        return self._opened(found[0])

    def _opened(self, message: Message) -> OpenedDeadLetter:
        described = self._described(message)
        events = payloads_of(message)
        payloads: list[msgspec.Raw] = []
        size = 0
        for event in events:
            size += len(bytes(event))
            if payloads and size > MAX_OPENED_BYTES:
                break
            payloads.append(event)
        text = "null" if described.is_readable else json.dumps(message.body)
        omitted = len(events) - len(payloads)
        return OpenedDeadLetter(message=described, payloads=payloads, omitted=omitted, text=msgspec.Raw(text.encode()))

    async def _find(self, peek: DlqPeek, ids: Sequence[str]) -> list[Message]:
        deadline_ms = self._clock.monotonic_ms() + _SEARCH_MS
        return await peek.find(ids, enough=lambda: self._clock.monotonic_ms() >= deadline_ms)

    def _described(self, message: Message) -> DeadLetter:
        return dead_letter_of(message, max_receives=self._settings.max_receives)

    async def _list_dead_letters(self) -> DeadLetterList:
        dead_letters: list[DeadLetter] = []
        async with self._peeking() as peek:
            async for messages in peek.take():
                dead_letters += map(self._described, messages)
                if len(dead_letters) > MAX_DEAD_LETTERS:
                    break
        shown = sorted(dead_letters[:MAX_DEAD_LETTERS], key=lambda dead_letter: dead_letter.accepted_at or 0)
        return DeadLetterList(messages=shown, more=len(dead_letters) > MAX_DEAD_LETTERS)

    @asynccontextmanager
    async def _peeking(self) -> AsyncIterator[DlqPeek]:
        async with self._lock:
            self._dead = await self._dlq.backlog()
            self._reading = True
            try:
                async with peek_dlq(self._dlq, hidden_seconds=_VISIBILITY_SECONDS) as peek:
                    yield peek
            finally:
                self._reading = False
