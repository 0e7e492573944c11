"""A queue that records its calls, and fails or waits on request."""

import asyncio
from collections.abc import Callable, Sequence

from shared.clock import Clock, SystemClock
from shared.memory.queue import MemoryQueue
from shared.model import pack
from shared.model.errors import Unavailable
from shared.model.event import Event
from shared.model.pack import EventPack
from shared.model.records import Outcome
from shared.ports import Message, Outgoing


class FakeQueue(MemoryQueue):
    """Records its calls. All fail with `error`, or while `down`; sends and receives wait while `unblocked` is cleared.

    `outcome` replaces the reported outcome of each message. With `answers_at_once`, long polls do not wait.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        holds: Sequence[Outgoing] = (),
        outcome: Callable[[Outgoing], Outcome] | None = None,
        error: Exception | None = None,
        answers_at_once: bool = False,
        receive_ms: int = 0,
    ) -> None:
        super().__init__(clock or SystemClock())
        self.down = False
        self.error = error
        self.outcome = outcome
        self.unblocked = asyncio.Event()
        self.unblocked.set()
        self.calls: list[list[Outgoing]] = []
        self.visibility_changes: list[tuple[int, list[str]]] = []
        self.receives = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self._answers_at_once = answers_at_once
        self._receive_ms = receive_ms
        for message in holds:
            self._take(message)

    @property
    def sent(self) -> list[Outgoing]:
        """The messages of all calls, including failed ones."""
        return [message for call in self.calls for message in call]

    @property
    def packs(self) -> list[EventPack]:
        """The packs of events that the queue holds."""
        packs = map(pack.decode, self.bodies)
        return [each for each in packs if isinstance(each, EventPack)]

    @property
    def events(self) -> list[Event]:
        """The events that the queue holds."""
        return [event for each in self.packs for event in each.events]

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        self.calls.append(list(messages))
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            await self.unblocked.wait()
        finally:
            self.in_flight -= 1
        self._fail()
        outcomes = await super().send(messages)
        return outcomes if self.outcome is None else [self.outcome(message) for message in messages]

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        self.receives += 1
        self._fail()
        if self._receive_ms:
            await self._clock.sleep_ms(self._receive_ms)
        if self._answers_at_once:
            assert wait_seconds  # a short poll asks only some of the servers of SQS
            wait_seconds = 0
        received = await super().receive(limit=limit, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)
        await self.unblocked.wait()
        return received

    async def change_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        self.visibility_changes.append((seconds, [message.id for message in messages]))
        self._fail()
        await super().change_visibility(messages, seconds)

    async def delete(self, messages: Sequence[Message]) -> None:
        self._fail()
        await super().delete(messages)

    async def backlog(self) -> int:
        self._fail()
        return await super().backlog()

    def _fail(self) -> None:
        if self.down:
            raise Unavailable("something internal")
        if self.error is not None:
            raise self.error


def in_turn(*outcomes: Outcome | Exception) -> Callable[[Outgoing], Outcome]:
    """Return an `outcome` that reports `outcomes` for one message each and raises the exceptions; then `DONE`."""
    remaining = iter(outcomes)

    def report(_: Outgoing) -> Outcome:
        outcome = next(remaining, Outcome.DONE)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return report
