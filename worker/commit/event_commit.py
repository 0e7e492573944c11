"""The state of one event while a worker stores it."""

import enum
import hashlib

import msgspec

from shared.clock import Clock
from shared.compression import compress
from shared.model.errors import ClockWrong
from shared.model.event import Event, Identity
from shared.model.pack import EventPack
from shared.model.position import Minter, time_of
from shared.model.records import Guard, Outcome, Place, Record, StoredEvent, body_key
from shared.ports import BodyStore
from shared.service_time import Reading, ServiceTime
from shared.settings import Settings

_DAY_SECONDS = 86_400


class Result(enum.Enum):
    """The outcome of one event of a message."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"  # a duplicate whose content differs from the event it repeats
    EXPIRED = "expired"
    ERASED = "erased"
    DEAD = "dead"  # sent to the DLQ alone
    POSTPONED = "postponed"  # not finished; its message must be redelivered


class CommitRules(msgspec.Struct, frozen=True, kw_only=True):
    """The clock, the minter and the constants of the protocol, shared by all commits of one worker."""

    clock: Clock
    minter: Minter
    settings: Settings
    service_time: ServiceTime = msgspec.field(default_factory=ServiceTime)

    def clock_is_wrong(self) -> bool:
        """Return whether the wall clock is known to be wrong now."""
        return self.service_time.is_wrong(Reading.of(self.clock))

    def clock_error_ms(self) -> float:
        """Return by how much the wall clock is ahead now (negative: behind), as far as is known."""
        return self.service_time.error_ms(Reading.of(self.clock))

    def confirms_clock(self) -> bool:
        """Return whether the wall clock may be right now, and nothing contradicts that."""
        return self.service_time.confirms(Reading.of(self.clock))

    @property
    def proof_ms(self) -> int:
        """An event seen while its position is younger than this was there before any reader could pass it."""
        return self.settings.settle_ms - self.settings.clock_skew_ms

    @property
    def event_ttl_seconds(self) -> int:
        """How long an event is kept, from acceptance and again from its ack."""
        return self.settings.event_ttl_days * _DAY_SECONDS

    @property
    def guard_ttl_seconds(self) -> int:
        """How long a guard is kept: its event may be acked on its last day, and is then kept just as long again."""
        return 2 * self.event_ttl_seconds + _DAY_SECONDS

    def window_seconds(self, pack: EventPack) -> int:
        """Return the deduplication window of the events of `pack`."""
        own = pack.window_seconds
        return self.settings.deduplication_window_seconds if own is None else own

    def is_past(self, expires_at: int) -> bool:
        """Return whether `expires_at` (epoch seconds) has passed; raise `ClockWrong` if only a wrong clock says so."""
        is_past = self.clock.wall_ms() >= expires_at * 1000
        if is_past and not self.confirms_clock():
            raise ClockWrong(self.clock_error_ms())
        return is_past

    def is_expired(self, accepted_at: int) -> bool:
        """Return whether an event accepted at `accepted_at` has exceeded its TTL."""
        return self.clock.wall_ms() - accepted_at > self.event_ttl_seconds * 1000


class EventCommit:
    """One event of one message, with every position that this worker minted for it.

    Raises `msgspec.DecodeError` if the event's body is not a CloudEvent.

    Only the worker that minted a position ever inserts there. So a position that was minted here and never sent is
    certainly empty, one that was sent is in doubt, and any other belongs to another worker.
    """

    def __init__(self, event: Event, pack: EventPack, rules: CommitRules) -> None:
        self.event = event
        self.tenant = pack.tenant
        self.key_id = pack.key_id
        self.accepted_at = pack.accepted_at
        self.pack_window_seconds = pack.window_seconds
        self.window_ms = rules.window_seconds(pack) * 1000
        self.identity: Identity = event.identity(pack.tenant)
        self.digest = _digest(event)
        self.result: Result | None = None
        self.sent: set[str] = set()
        self._unanswered: set[tuple[str, int]] = set()
        self._minted: dict[str, Reading] = {}  # positions of this event, and both clocks when each was minted
        self._in_bucket = False
        self._rules = rules
        self._body = compress(bytes(event.body))
        self.body_key = (
            body_key(self.tenant, event.receipt) if len(self._body) > rules.settings.inline_body_bytes else None
        )

    @property
    def body(self) -> bytes:
        """The body in its stored form."""
        return self._body

    @property
    def is_offloaded(self) -> bool:
        """Whether the body is in the bucket, or small enough not to need it."""
        return self.body_key is None or self._in_bucket

    async def offload_body(self, bodies: BodyStore) -> None:
        """Put a body too large for an item into the bucket. Idempotent."""
        if self.body_key is not None and not self._in_bucket:
            await bodies.put(self.body_key, self._body)
            self._in_bucket = True

    def mint(self) -> str:
        """Mint a position for this event, and record when."""
        position = self._rules.minter.mint()
        self._minted[position] = Reading(time_of(position), self._rules.clock.monotonic_ms())
        return position

    def age_ms(self, position: str) -> int:
        """Return now minus the time in `position`: the larger of what the two clocks measure.

        The wall clock may be set back after minting; the monotonic clock cannot measure positions minted elsewhere.
        """
        clock = self._rules.clock
        minted = self._minted.get(position)
        if minted is None:
            return clock.wall_ms() - time_of(position)
        return max(clock.wall_ms() - minted.wall_ms, clock.monotonic_ms() - minted.monotonic_ms)

    def is_unsent(self, position: str) -> bool:
        """Return whether `position` was minted here and nothing was ever sent to it."""
        return position in self._minted and position not in self.sent

    def begin_move(self, current: Guard, position: str) -> None:
        """Record that a reposition to `position`, conditional on `current`, is about to be sent."""
        self.sent.add(position)
        self._unanswered.add((current.receipt, current.version))

    def end_move(self, current: Guard) -> None:
        """Record that the reposition conditional on `current` was answered: it has taken effect, or never will."""
        self._unanswered.discard((current.receipt, current.version))

    def may_still_move(self, current: Guard) -> bool:
        """Return whether a reposition that this worker sent and gave up can still take effect.

        It is conditional on a version of the guard. While the guard has that version, an event found at the guard's
        position may still be moved behind cursors, and no worker would notice.
        """
        return (current.receipt, current.version) in self._unanswered

    def is_in_doubt(self, position: str) -> bool:
        """Return whether an insert at `position` was sent from here and is not known to have taken effect in time."""
        return position in self.sent and self.result is None

    def may_commit(self, position: str) -> bool:
        """Return whether an insert may be sent to `position`: it is young, and was minted by a clock that was right.

        With a clock behind, the event would appear where readers have passed. The answer to its claim has a date, which
        shows that before the insert is sent. A position that was not minted here is never inserted at.
        """
        if self.age_ms(position) > self._rules.settings.commit_deadline_ms:
            return False
        return self._rules.service_time.confirms(self._minted[position])

    def was_in_time(self, position: str) -> bool:
        """Return whether an insert at `position`, answered just now, took effect before any reader could pass.

        The age of the position counts, not the duration of the call: a worker may stall between its decision and its
        call. A later answer leaves the position in doubt.
        """
        limit_ms = self._rules.settings.commit_deadline_ms + self._rules.settings.store_timeout_ms
        return self.age_ms(position) <= limit_ms

    def record_outcome(self, position: str, outcome: Outcome) -> None:
        """Record the answer to an insert of the event at `position`."""
        if outcome in (Outcome.THROTTLED, Outcome.REFUSED):
            self.sent.discard(position)
        if outcome is Outcome.DONE and self.was_in_time(position):
            self.result = Result.STORED

    def confirm(self, position: str, record: Record | None) -> None:
        """Record a read at `position`, where an insert of ours had no answer or a late one.

        An event seen while no reader can have passed is committed. One seen later may also have appeared later.
        """
        if isinstance(record, StoredEvent) and self.age_ms(position) < self._rules.proof_ms:
            self.result = Result.STORED

    @property
    def _guard_ttl_seconds(self) -> int:
        # A duplicate from the end of the window may wait in the queue, and must still find the guard.
        return max(self._rules.guard_ttl_seconds, self.window_ms // 1000 + _DAY_SECONDS)

    def guard_at(self, position: str) -> Guard:
        """Return the guard that claims this event's identity for `position`."""
        return Guard(
            identity=self.identity,
            receipt=self.event.receipt,
            position=position,
            accepted_at=self.accepted_at,
            digest=self.digest,
            expires_at=self.accepted_at // 1000 + self._guard_ttl_seconds,
        )

    def stored_at(self, position: str) -> StoredEvent:
        """Return this event as stored at `position`."""
        return StoredEvent(
            place=Place(self.tenant, self.event.inbox, position),
            type=self.event.type,
            body=self.event.without_data() if self.body_key else self._body,
            body_key=self.body_key,
            accepted_at=self.accepted_at,
            expires_at=self.accepted_at // 1000 + self._rules.event_ttl_seconds,
        )


class _Content(msgspec.Struct):
    """The content that the digest covers. `time` is excluded: by default it is the time of the post."""

    type: str
    subject: str = ""
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str = ""


_content_decoder = msgspec.json.Decoder(_Content)


def _digest(event: Event) -> str:
    content = _content_decoder.decode(event.body)
    parts = (content.type.encode(), content.subject.encode(), bytes(content.data), content.data_base64.encode())
    return hashlib.blake2b(b"\0".join(parts), digest_size=8).hexdigest()
