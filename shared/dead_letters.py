"""Lists, reads and moves dead letters for an operator. Everything is built on receive, so no queue needs a move call.

Receiving a message makes it invisible to other receivers; `DlqPeek` makes the messages that it received and did not
delete visible again. The DLQ has no redrive policy, so a dead letter may be received any number of times.
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
"""Listing thousands of dead letters takes this long; if the process is killed, they reappear after this time."""
# A short poll queries only some of SQS's servers, and may return nothing from a queue that has messages.
_WAIT_SECONDS = 1


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a dead letter concerns, without its content."""

    inbox: str
    source: str
    id: str
    type: str | None = None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """The description of one DLQ message; never a payload.

    `events` is the number of events, acks or removals in the pack. Fields that an unreadable pack does not reveal are
    None. `accepted_at` is in epoch milliseconds.
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

    @property
    def is_readable(self) -> bool:
        """Whether the message contains a pack."""
        return self.kind is not None


def dead_letter_of(message: Message, *, max_receives: int) -> DeadLetter:
    """Return the description of `message`."""
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
    """Return the events that `pack` identifies; none for an `AckPack`, which holds positions only."""
    match pack:
        case EventPack(events=events):
            return [Subject(inbox=one.inbox, source=one.source, id=one.id, type=one.type) for one in events]
        case Removal(inbox=inbox, source=source, id=id_):
            return [Subject(inbox=inbox, source=source, id=id_)]
        case AckPack():
            return []


def payloads_of(message: Message) -> list[msgspec.Raw]:
    """Return the events in `message` as CloudEvents JSON objects; none if it is unreadable or not an `EventPack`."""
    try:
        pack = packs.decode(message.body)
    except Poison:
        return []
    return [event.body for event in pack.events] if isinstance(pack, EventPack) else []


class DlqPeek:
    """Messages of one DLQ, invisible to others until deleted or released, for at most `hidden_seconds`."""

    def __init__(self, dlq: EventQueue, *, hidden_seconds: int = HIDDEN_SECONDS) -> None:
        self._dlq = dlq
        self._hidden_seconds = hidden_seconds
        self._held: dict[str, Message] = {}
        self._deleted: set[str] = set()

    async def take(self) -> AsyncIterator[list[Message]]:
        """Yield the messages of the DLQ, up to 10 at a time and each once; end when a receive returns nothing new.

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
            # Even if this is cancelled, the received messages are invisible now and must be released later. If a
            # message is received again, only its latest handle is valid.
            received = await poll
            self._held.update((message.id, message) for message in received)
        return received

    async def find(self, ids: Sequence[str], *, enough: Callable[[], bool] = lambda: False) -> list[Message]:
        """Return those of the messages `ids` that the DLQ holds.

        Stops when it has all of them, or when `enough` returns True after a receive.
        """
        wanted, found = set(ids), list[Message]()
        async for messages in self.take():
            found += [message for message in messages if message.id in wanted]
            if len(found) == len(wanted) or enough():
                break
        return found

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete up to 10 messages. Raises `Unavailable` or `Unclear` if they may still exist."""
        await self._dlq.delete(messages)
        for message in messages:
            self._deleted.add(message.id)
            self._held.pop(message.id, None)

    async def give_back(self) -> None:
        """Make the messages still held visible again. If the DLQ fails, they reappear after `hidden_seconds`."""
        for some in batches(list(self._held.values()), MAX_MESSAGES):
            with contextlib.suppress(Unavailable, Unclear):
                await self._dlq.change_visibility(some, 0)
        self._held.clear()


@asynccontextmanager
async def peek_dlq(dlq: EventQueue, *, hidden_seconds: int = HIDDEN_SECONDS) -> AsyncIterator[DlqPeek]:
    """Provide a `DlqPeek` of `dlq`; on exit, even after an error, messages that were not deleted are visible again."""
    peek = DlqPeek(dlq, hidden_seconds=hidden_seconds)
    try:
        yield peek
    finally:
        await peek.give_back()


async def redrive(peek: DlqPeek, messages: Sequence[Message], queue: EventQueue, *, fair: bool) -> int:
    """Send a copy of each message to `queue`, delete the messages whose copies were sent, and return their number.

    If interrupted in between, both copy and message exist: their events have the same receipts, so each is stored once.
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
    """Split `messages` into batches that each fit one send."""
    batch, batch_bytes = list[Message](), 0
    for message in messages:
        size = len(message.body) + sum(len(name) + len(value) for name, value in message.attributes.items())
        if batch and (batch_bytes + size > MAX_MESSAGE_BYTES or len(batch) == MAX_MESSAGES):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(message)
        batch_bytes += size
    if batch:
        yield batch


def _copy(message: Message, *, fair: bool) -> Outgoing:
    # The reason describes this failure; if the copy fails, it gets its own.
    attributes = {name: value for name, value in message.attributes.items() if name != REASON_ATTRIBUTE}
    group = dead_letter_of(message, max_receives=0).tenant if fair else None
    return Outgoing(body=message.body, attributes=attributes, group=group)
