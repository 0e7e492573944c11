"""Bugs that overlook what SQS and the DLQ may do, what a transaction may answer, or that two versions run."""

from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

from shared.model import cursor as cursors
from shared.model.errors import Unavailable
from shared.model.records import StoredEvent
from shared.ports import Message
from tests.simulation.planting import Bugs
from worker.commit.consumer import Consumer
from worker.commit.dead_letters import DeadLetters
from worker.commit.event_commit import Result
from worker.commit.processor import Action, Disposition, Processor
from worker.commit.removal import Remover
from worker.commit.resolver import Resolver

QUEUE_BUGS = Bugs()
_queue, _versions, _refusals, _conflicts = map(QUEUE_BUGS.under, ("queue", "versions", "refusals", "conflicts"))


@_queue
def messages_remembered_when_received() -> Iterator[Any]:
    """A worker deletes a message that it has received before, although that delivery is not finished."""
    handle = Consumer.handle

    async def new_ones(self: Consumer, messages: Sequence[Message]) -> None:
        known: set[str] = self.__dict__.setdefault("known", set())
        repeated = [message for message in messages if message.id in known]
        known.update(message.id for message in messages)
        await self._delete(repeated)
        await handle(self, [message for message in messages if message not in repeated])

    yield patch.object(Consumer, "handle", new_ones)


@_versions
def unreadable_pack_deleted() -> Iterator[Any]:
    """A message in a format that the worker does not know is dropped; a newer worker could read it."""

    def drop(_: Processor, __: Message, reason: str | None) -> Disposition:
        return Disposition(action=Action.DELETE, reason=reason)

    yield patch.object(Processor, "_leave", drop)


@_versions
def cursors_of_the_last_version_refused() -> Iterator[Any]:
    """A cursor that was handed out before the deploy is invalid."""
    yield patch.object(cursors, "_OLD_VERSION", b"\x03")


@_refusals
def withheld_dead_letter_counts_as_sent() -> Iterator[Any]:
    """Above the limit of dead letters, events are dropped."""
    send = DeadLetters.send

    async def dropping(self: DeadLetters, commit: Any, reason: str) -> bool:
        sent = await send(self, commit, reason)
        return sent or self._sent > self._per_minute

    yield patch.object(DeadLetters, "send", dropping)


@_refusals
def dead_letter_whose_send_failed_counts_as_sent() -> Iterator[Any]:
    """The answer of the DLQ is not checked."""
    try_to = DeadLetters._send

    async def unchecked(self: DeadLetters, dead_letter: Any) -> bool:
        await try_to(self, dead_letter)
        return True

    yield patch.object(DeadLetters, "_send", unchecked)


@_conflicts
def canceled_transaction_taken_for_another_worker() -> Iterator[Any]:
    """A move that is canceled means that another worker has stored the event."""
    move = Resolver._move

    async def trusting(self: Resolver, *args: Any) -> Result | None:
        try:
            return await move(self, *args)
        except Unavailable:
            return Result.STORED

    yield patch.object(Resolver, "_move", trusting)


@_conflicts
def ack_that_ignores_a_refused_insert() -> Iterator[Any]:
    """An acked event is deleted although its insert among the delivered ones was throttled."""

    async def deliver(self: Remover, events: Sequence[StoredEvent], acked_at: int) -> list[Any]:
        await self._store.insert_events([self._delivered(event, acked_at) for event in events])
        await self._store.remove_events([event.place for event in events])
        return []

    yield patch.object(Remover, "_deliver", deliver)
