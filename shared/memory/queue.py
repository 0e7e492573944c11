"""An `EventQueue` in memory with the guarantees of an SQS standard queue, for tests and simulation."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable, Mapping, Sequence

import msgspec

from shared.clock import Clock
from shared.model.pack import MAX_MESSAGE_BYTES
from shared.model.records import Outcome
from shared.ports import Message, Outgoing


class _Held(msgspec.Struct, kw_only=True):
    body: str
    attributes: Mapping[str, str]
    visible_at: int  # monotonic milliseconds
    sent_at: int  # epoch milliseconds
    receives: int = 0
    handle: str = ""


class MemoryQueue:
    """An `EventQueue`. After `max_receives` deliveries a message moves to `dlq`, if there is one.

    `shuffle` reorders the ids of the visible messages before each receive; without it, the oldest comes first.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        dlq: "MemoryQueue | None" = None,
        max_receives: int = 5,
        shuffle: Callable[[list[str]], None] | None = None,
    ) -> None:
        self._shuffle = shuffle
        self._clock = clock
        self._dlq = dlq
        self._max_receives = max_receives
        self._held: dict[str, _Held] = {}
        self._changed = asyncio.Event()
        self._numbers = itertools.count(1)

    @property
    def bodies(self) -> list[str]:
        """The bodies of all messages, including invisible ones."""
        return [held.body for held in self._held.values()]

    async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Add messages; refuse those that SQS would refuse."""
        return [self._take(message) for message in messages]

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        """Receive up to `limit` visible messages, oldest first; wait for one if there is none."""
        deadline = self._clock.monotonic_ms() + wait_seconds * 1000
        while True:
            received = self._receive(limit, visibility_seconds)
            if received or self._clock.monotonic_ms() >= deadline:
                return received
            await self._change(deadline)

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages, except those that were received again since, which SQS may also keep."""
        for message in messages:
            held = self._held.get(message.id)
            if held is not None and held.handle == message.handle:
                del self._held[message.id]

    async def change_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        """Make messages invisible for `seconds` from now."""
        for message in messages:
            held = self._held.get(message.id)
            if held is not None and held.handle == message.handle:
                held.visible_at = self._clock.monotonic_ms() + seconds * 1000
        self._wake()

    def show_all(self, rng: random.Random) -> None:
        """Make about half of the received messages visible again, as SQS may (at-least-once delivery)."""
        for held in self._held.values():
            if held.receives and rng.getrandbits(1):
                held.visible_at = self._clock.monotonic_ms()
        self._wake()

    async def backlog(self) -> int:
        """Return how many messages are visible."""
        now = self._clock.monotonic_ms()
        return sum(held.visible_at <= now for held in self._held.values())

    async def _change(self, deadline: int) -> None:
        """Wait until a message arrives or becomes visible, at most until `deadline`."""
        now = self._clock.monotonic_ms()
        next_ms = min((held.visible_at for held in self._held.values() if held.visible_at > now), default=deadline)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), (min(next_ms, deadline) - now) / 1000)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _take(self, message: Outgoing) -> Outcome:
        if len(message.body.encode()) > MAX_MESSAGE_BYTES or not message.body.isascii():
            return Outcome.REFUSED
        visible_at = self._clock.monotonic_ms() + message.delay_seconds * 1000
        held = _Held(
            body=message.body,
            attributes=message.attributes,
            visible_at=visible_at,
            sent_at=self._clock.wall_ms(),
        )
        self._held[f"m{next(self._numbers)}"] = held
        self._wake()
        return Outcome.DONE

    def _receive(self, limit: int, visibility_seconds: int) -> list[Message]:
        now = self._clock.monotonic_ms()
        received: list[Message] = []
        waiting = [id_ for id_, held in self._held.items() if held.visible_at <= now]
        if self._shuffle is not None:
            self._shuffle(waiting)
        for id_ in waiting:
            if len(received) == limit:
                break
            held = self._held[id_]
            if held.receives >= self._max_receives and self._dlq is not None:
                del self._held[id_]
                self._dlq._take(Outgoing(body=held.body, attributes=held.attributes))  # noqa: SLF001 - its own kind
                continue
            held.receives += 1
            held.visible_at = now + visibility_seconds * 1000
            held.handle = f"{id_}#{held.receives}"
            received.append(
                Message(
                    id=id_,
                    body=held.body,
                    handle=held.handle,
                    receives=held.receives,
                    attributes=held.attributes,
                    sent_at=held.sent_at,
                )
            )
        return received
