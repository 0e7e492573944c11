"""Dead letters as an operator sees and moves them, by receiving alone: no queue needs to know a move of its own.

Receiving hides a message from others; a `DlqPeek` shows again what it took and did not delete. The DLQ has no redrive
policy of its own, so a letter may be looked at any number of times.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from shared.containers import batches
from shared.model import pack as packs
from shared.model.errors import Poison, Unavailable, Unclear
from shared.model.pack import MAX_MESSAGE_BYTES, REASON_ATTRIBUTE, AckPack, EventPack, Pack, Removal
from shared.model.records import Outcome
from shared.ports import MAX_MESSAGES, EventQueue, Message, Outgoing

HIDDEN_SECONDS = 300
"""A walk over thousands of letters takes this long; should the process be killed, they stay hidden no longer."""
# A short poll asks only some of SQS's servers and may find nothing where there is something.
_WAIT_SECONDS = 1


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a letter is about, without its content."""

    inbox: str
    source: str
    id: str
    type: str | None = None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one message of the DLQ; never a payload.

    `events` counts what a pack holds, be it events, acks or a removal. What can't be known of a pack that can't be
    read is None. `accepted_at` is in epoch milliseconds.
    """

    id: str
    reason: str
    kind: str | None = None
    tenant: str | None = None
    key_id: str | None = None
    accepted_at: int | None = None
    events: int | None = None
    first: Subject | None = None
    receives: int


def dead_letter_of(message: Message, *, max_receives: int) -> DeadLetter:
    """Return what is told of `message`."""
    reason = message.attributes.get(REASON_ATTRIBUTE)
    try:
        pack = packs.decode(message.body)
    except Poison as poison:
        why = str(poison).removeprefix("unreadable pack: ")
        return DeadLetter(id=message.id, reason=reason or f"unreadable: {why}", receives=message.receives)
    subjects = subjects_of(pack)
    return DeadLetter(
        id=message.id,
        reason=reason or f"gave up after {max_receives} deliveries",
        kind=str(pack.__struct_config__.tag),
        tenant=pack.tenant,
        key_id=pack.key_id,
        accepted_at=pack.accepted_at,
        events=len(pack.positions) if isinstance(pack, AckPack) else len(subjects),
        first=subjects[0] if subjects else None,
        receives=message.receives,
    )


def subjects_of(pack: Pack) -> list[Subject]:
    """Return the identities in `pack`; none if it holds acks, for those name positions."""
    match pack:
        case EventPack(events=events):
            return [Subject(inbox=one.inbox, source=one.source, id=one.id, type=one.type) for one in events]
        case Removal(inbox=inbox, source=source, id=id_):
            return [Subject(inbox=inbox, source=source, id=id_)]
        case AckPack():
            return []


def payloads_of(message: Message) -> list[msgspec.Raw]:
    """Return the events of `message`, each a CloudEvents JSON object; none if it holds no events or can't be read."""
    try:
        pack = packs.decode(message.body)
    except Poison:
        return []
    return [event.body for event in pack.events] if isinstance(pack, EventPack) else []


class DlqPeek:
    """Messages of one DLQ, hidden from others until they are deleted or given back, at most `hidden_seconds`."""

    def __init__(self, dlq: EventQueue, *, hidden_seconds: int = HIDDEN_SECONDS) -> None:
        self._dlq = dlq
        self._hidden_seconds = hidden_seconds
        self._held: dict[str, Message] = {}
        self._deleted: set[str] = set()

    async def take(self) -> AsyncIterator[list[Message]]:
        """Yield what the DLQ holds, up to 10 messages at a time, each once; end when nothing new comes.

        Raises `Unavailable` or `Unclear` if the DLQ does not answer.
        """
        while True:
            known = self._held.keys() | self._deleted
            new = [message for message in await self._receive() if message.id not in known]
            if not new:
                return
            yield new

    async def _receive(self) -> list[Message]:
        poll = asyncio.create_task(
            self._dlq.receive(limit=MAX_MESSAGES, wait_seconds=_WAIT_SECONDS, visibility_seconds=self._hidden_seconds)
        )
        try:
            await asyncio.wait({poll})
        finally:
            # Interrupted or not, what a poll takes is hidden, so it must be known. Of a message that comes again
            # only the latest handle counts.
            received = await poll
            self._held.update((message.id, message) for message in received)
        return received

    async def find(self, ids: Sequence[str], *, enough: Callable[[], bool] = lambda: False) -> list[Message]:
        """Return the messages called `ids`, as far as there are any.

        Looks no further once it has them all, or when `enough` says so after some.
        """
        wanted, found = set(ids), list[Message]()
        async for messages in self.take():
            found += [message for message in messages if message.id in wanted]
            if len(found) == len(wanted) or enough():
                break
        return found

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete up to 10 messages for good. Raises `Unavailable` or `Unclear` if that is not certain."""
        await self._dlq.delete(messages)
        for message in messages:
            self._deleted.add(message.id)
            self._held.pop(message.id, None)

    async def give_back(self) -> None:
        """Show again what is still held. Should the DLQ fail, it does so by itself some minutes later."""
        for some in batches(list(self._held.values()), MAX_MESSAGES):
            with contextlib.suppress(Unavailable, Unclear):
                await self._dlq.change_visibility(some, 0)
        self._held.clear()


@asynccontextmanager
async def peek_dlq(dlq: EventQueue, *, hidden_seconds: int = HIDDEN_SECONDS) -> AsyncIterator[DlqPeek]:
    """Give access to what the DLQ holds; when left, however it is, what was not deleted is visible again."""
    peek = DlqPeek(dlq, hidden_seconds=hidden_seconds)
    try:
        yield peek
    finally:
        await peek.give_back()


async def redrive(peek: DlqPeek, messages: Sequence[Message], queue: EventQueue, *, fair: bool) -> int:
    """Send copies to the queue, and delete each message whose copy is there; return how many that were.

    Interrupted in between, both copy and message live: the events' receipts are the same, so they are stored once.
    Raises `Unavailable` or `Unclear` if a queue does not answer.
    """
    moved = 0
    for some in _calls(messages):
        outcomes = await queue.send([_copy(message, fair=fair) for message in some])
        sent = [message for message, outcome in zip(some, outcomes, strict=True) if outcome is Outcome.DONE]
        await peek.delete(sent)
        moved += len(sent)
    return moved


def _calls(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Yield `messages` such that each lot fits one call."""
    lot, lot_bytes = list[Message](), 0
    for message in messages:
        size = len(message.body) + sum(len(name) + len(value) for name, value in message.attributes.items())
        if lot and (lot_bytes + size > MAX_MESSAGE_BYTES or len(lot) == MAX_MESSAGES):
            yield lot
            lot, lot_bytes = [], 0
        lot.append(message)
        lot_bytes += size
    if lot:
        yield lot


def _copy(message: Message, *, fair: bool) -> Outgoing:
    # The reason is of this failure; should the copy fail, it has another.
    attributes = {name: value for name, value in message.attributes.items() if name != REASON_ATTRIBUTE}
    group = dead_letter_of(message, max_receives=0).tenant if fair else None
    return Outgoing(body=message.body, attributes=attributes, group=group)
