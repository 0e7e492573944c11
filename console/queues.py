"""Both queues as an operator sees them: how much waits, what lies in the DLQ, and the way back from there."""

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
"""Letters that one look shows, and that one request redrives."""

_HIDDEN_SECONDS = 60
"""A look takes a second or two; should the process be killed, letters stay hidden no longer."""

_WALK_MS = 15_000
"""A search for letters among very many ends here, with those found: behind a proxy nobody waits for a minute."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """About how many messages wait in the queue, and how many lie in the DLQ."""

    waiting: int
    dead: int


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Some letters of the DLQ, those accepted first first, and whether there are others."""

    messages: Sequence[DeadLetter]
    more: bool


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the letters that were named are in the queue again, and how many are not."""

    redriven: int
    left: int


class Pair(NamedTuple):
    """The queue, and its DLQ."""

    queue: EventQueue
    dlq: EventQueue


class Queues:
    """Looks and redrives, one at a time: a look hides letters from others, and would hide them from a redrive."""

    def __init__(self, pair: Pair, settings: Settings, clock: Clock) -> None:
        self._queue, self._dlq = pair
        self._settings = settings
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._looks: SingleFlight[None, Look] = SingleFlight()
        self._hiding = False
        self._dead = 0

    async def aclose(self) -> None:
        """Stop looking."""
        await self._looks.aclose()

    async def counts(self) -> Counts:
        """Count messages. Raises `Unavailable` if a queue does not answer."""
        if self._hiding:
            # The DLQ does not count what is hidden; this is what it counted before.
            return Counts(waiting=await self._queue.backlog(), dead=self._dead)
        waiting, dead = await asyncio.gather(self._queue.backlog(), self._dlq.backlog())
        return Counts(waiting=waiting, dead=self._dead if self._hiding else dead)

    async def look(self) -> Look:
        """Return up to `MAX_DEAD_LETTERS` letters; who looks at the same time shares one look.

        Raises `Unavailable` or `Unclear` if the DLQ does not answer.
        """
        return await self._looks.run(None, self._look)

    async def redrive(self, ids: Sequence[str]) -> Moved:
        """Send the letters called `ids` to the queue again, and delete each from the DLQ once its copy is there.

        Raises `Unavailable` or `Unclear` if a queue does not answer: some may be moved by then, and the rest are
        when this is repeated.
        """
        async with self._peeking() as peek:
            give_up_ms = self._clock.monotonic_ms() + _WALK_MS
            found = await peek.find(ids, enough=lambda: self._clock.monotonic_ms() >= give_up_ms)
            moved = await redrive(peek, found, self._queue, fair=self._settings.fair_queues)
            self._dead = max(0, self._dead - moved)
        return Moved(redriven=moved, left=len(set(ids)) - moved)

    async def _look(self) -> Look:
        dead_letters: list[DeadLetter] = []
        async with self._peeking() as peek:
            async for messages in peek.take():
                dead_letters += [
                    dead_letter_of(message, max_receives=self._settings.max_receives) for message in messages
                ]
                if len(dead_letters) > MAX_DEAD_LETTERS:
                    break
        shown = sorted(dead_letters[:MAX_DEAD_LETTERS], key=lambda dead_letter: dead_letter.accepted_at or 0)
        return Look(messages=shown, more=len(dead_letters) > MAX_DEAD_LETTERS)

    @asynccontextmanager
    async def _peeking(self) -> AsyncIterator[DlqPeek]:
        async with self._one_at_a_time:
            self._dead = await self._dlq.backlog()
            self._hiding = True
            try:
                async with peek_dlq(self._dlq, hidden_seconds=_HIDDEN_SECONDS) as peek:
                    yield peek
            finally:
                self._hiding = False
