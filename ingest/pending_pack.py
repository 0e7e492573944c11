"""A pack that has not been sent yet: its contents, its size, and the requests that wait for it."""

import asyncio
from collections.abc import Sequence

from shared.model import pack
from shared.model.event import Event
from shared.model.pack import TRACEPARENT_ATTRIBUTE, AckPack, EventPack, Removal
from shared.ports import Outgoing

_ATTRIBUTE_BYTES = 512  # maximum of the trace attribute; counts against the limit of a message and of a call
_ENVELOPE_BYTES = 128  # per event in a pack, besides its names: receipt, inbox, punctuation
_NAME_BYTES = 4  # maximum per character of a name: the longest in UTF-8, more than an escaped quote
_POSITION_BYTES = 40


class PendingPack:
    """A pack that collects events until it is sent, or one that only holds the finished `removal`."""

    def __init__(
        self,
        tenant: str,
        key_id: str,
        accepted_at: int,
        removal: AckPack | Removal | None = None,
        *,
        window_seconds: int | None = None,
    ) -> None:
        self.tenant = tenant
        self.key_id = key_id
        self.window_seconds = window_seconds
        self.accepted_at = accepted_at
        self._removal = removal
        self.events: list[Event] = []
        self.count = 0
        self.size = 0
        self.traceparent: str | None = None
        self.waiters: list[asyncio.Future[None]] = []
        self.body: str | None = None

    def encode(self) -> None:
        """Set `body` to the message body."""
        self.body = pack.encode(
            self._removal
            or EventPack(
                tenant=self.tenant,
                key_id=self.key_id,
                accepted_at=self.accepted_at,
                events=self.events,
                window_seconds=self.window_seconds,
            )
        )

    @property
    def key(self) -> tuple[str, str, int | None]:
        """Tenant, key and window, which all events of a pack share."""
        return self.tenant, self.key_id, self.window_seconds

    def outgoing(self, *, fair: bool) -> Outgoing:
        """Return the message, which must be encoded; with `fair`, its message group is the tenant."""
        return Outgoing(
            body=self.body or "",
            attributes={TRACEPARENT_ATTRIBUTE: self.traceparent} if self.traceparent else {},
            group=self.tenant if fair else None,
        )

    @property
    def sent_bytes(self) -> int:
        """The bytes that the encoded message takes in a call."""
        return len(self.body or "") + (_ATTRIBUTE_BYTES if self.traceparent else 0)

    def resolve(self, error: Exception | None) -> None:
        """Complete the requests that still wait: with `error`, or successfully if it is None."""
        for waiter in self.waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)


def size_of(events: Sequence[Event]) -> int:
    """Return an upper bound for the bytes that `events` take in a pack."""
    size = _ENVELOPE_BYTES * len(events)
    for event in events:
        names = len(event.id) + len(event.source) + len(event.type)
        size += _NAME_BYTES * names + memoryview(event.body).nbytes
    return size


def size_of_removal(removal: AckPack | Removal) -> tuple[int, int]:
    """Return an upper bound for the bytes that `removal` takes, and the number of events that it removes."""
    if isinstance(removal, AckPack):
        types = _NAME_BYTES * sum(map(len, removal.types))
        return _ENVELOPE_BYTES + _POSITION_BYTES * len(removal.positions) + types, len(removal.positions)
    return _ENVELOPE_BYTES + _NAME_BYTES * (len(removal.id) + len(removal.source)), 1
