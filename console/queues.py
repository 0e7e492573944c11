"""The queue and its DLQ for operators: count messages, list dead letters, and redrive them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from shared.clock import Clock
from shared.concurrency import SingleFlight
from shared.dead_letters import DeadLetter, DlqPeek, dead_letter_of, peek_dlq, redrive
from shared.ports import EventQueue
from shared.settings import Settings

MAX_DEAD_LETTERS = 100
"""The limit of dead letters in one list, and of ids in one redrive."""

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


class QueuePair(NamedTuple):
    """A queue and its DLQ."""

    queue: EventQueue
    dlq: EventQueue


class OperatorQueues:
    """Lists and redrives dead letters, one operation at a time: a list makes them invisible, also to a redrive."""

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
            deadline_ms = self._clock.monotonic_ms() + _SEARCH_MS
            found = await peek.find(ids, enough=lambda: self._clock.monotonic_ms() >= deadline_ms)
            moved = await redrive(peek, found, self._queue, fair=self._settings.fair_queues)
            self._dead = max(0, self._dead - moved)
        return RedriveResult(redriven=moved, left=len(set(ids)) - moved)

    async def _list_dead_letters(self) -> DeadLetterList:
        dead_letters: list[DeadLetter] = []
        async with self._peeking() as peek:
            async for messages in peek.take():
                dead_letters += [
                    dead_letter_of(message, max_receives=self._settings.max_receives) for message in messages
                ]
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
