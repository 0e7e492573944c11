"""A pack in the making: what it holds, who waits for it, and how much room it takes."""

import asyncio
from collections.abc import Sequence

from shared.model import pack
from shared.model.event import Event
from shared.model.pack import AckPack, EventPack, Removal
from shared.ports import Outgoing

TRACEPARENT = "traceparent"
"""The message attribute with the trace of the first request in a pack that has one."""

_ATTRIBUTE_BYTES = 512  # of that attribute, at most: it counts against what a message and a call may hold
_ENVELOPE_BYTES = 128  # of an event in a pack, besides its names: receipt, inbox, punctuation
_NAME_BYTES = 4  # of one character of a name, at most: UTF-8's longest, more than an escaped quote
_POSITION_BYTES = 40


class PendingPack:
    """A pack that grows until it is sent, or `whole`, which was made before and stays as it is."""

    def __init__(self, tenant: str, key_id: str, accepted_at: int, whole: AckPack | Removal | None = None) -> None:
        self.tenant = tenant
        self.key_id = key_id
        self.accepted_at = accepted_at
        self._whole = whole
        self.events: list[Event] = []
        self.count = 0
        self.size = 0
        self.traceparent: str | None = None
        self.waiters: list[asyncio.Future[None]] = []
        self.body: str | None = None

    def encode(self) -> None:
        """Make the message body."""
        self.body = pack.encode(
            self._whole
            or EventPack(tenant=self.tenant, key_id=self.key_id, accepted_at=self.accepted_at, events=self.events)
        )

    def outgoing(self, *, fair: bool) -> Outgoing:
        """Return the message, encoded before; `fair` sends the tenant as its group."""
        return Outgoing(
            body=self.body or "",
            attributes={TRACEPARENT: self.traceparent} if self.traceparent else {},
            group=self.tenant if fair else None,
        )

    @property
    def sent_bytes(self) -> int:
        """What the encoded message takes of a call."""
        return len(self.body or "") + (_ATTRIBUTE_BYTES if self.traceparent else 0)

    def settle(self, error: Exception | None) -> None:
        """Answer the requests that still wait."""
        for waiter in self.waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)


def size_of(events: Sequence[Event]) -> int:
    """Return at least the bytes that `events` take in a pack."""
    size = _ENVELOPE_BYTES * len(events)
    for event in events:
        names = len(event.id) + len(event.source) + len(event.type)
        size += _NAME_BYTES * names + memoryview(event.body).nbytes
    return size


def size_of_removal(whole: AckPack | Removal) -> tuple[int, int]:
    """Return at least the bytes that `whole` takes, and the number of events that it removes."""
    if isinstance(whole, AckPack):
        return _ENVELOPE_BYTES + _POSITION_BYTES * len(whole.positions), len(whole.positions)
    return _ENVELOPE_BYTES + _NAME_BYTES * (len(whole.id) + len(whole.source)), 1
