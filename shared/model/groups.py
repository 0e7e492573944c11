"""Consumer groups: the ledger of a group, its open windows, its retries and its quarantine (docs/groups.md).

A window is what one lease covers: either a range of positions, or single events that are retried. Windows hold
positions as 16 bytes, since the size of a ledger decides what its writes cost.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from shared.model import position as positions
from shared.model.errors import Poison

DIGEST_BYTES = 3
"""Bytes that identify an event within its window. Windows are cut so that no two of their events share them."""

DEFAULT_MAX_ATTEMPTS = 5


class GroupName(NamedTuple):
    """The name of a group: it belongs to one inbox."""

    tenant: str
    inbox: str
    group: str


class GroupConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What `PUT /v1/groups/{group}` sets.

    `types` are patterns (`shared.model.type_pattern`), empty for all. A released event waits for `backoff_min_seconds`
    after its first attempt, twice as long after each further one, and at most `backoff_max_seconds`.
    """

    types: tuple[str, ...] = ()
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    backoff_min_seconds: int = 5
    backoff_max_seconds: int = 600

    def backoff_seconds(self, attempt: int) -> int:
        """Return how long an event waits after its attempt number `attempt` (1 or more) failed."""
        return min(self.backoff_max_seconds, self.backoff_min_seconds << min(attempt - 1, 30))


class RangeWindow(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="r"):
    """A lease of the group's events in a range of positions, from `start` (exclusive) to `end` (inclusive).

    `until` (epoch milliseconds) is when the lease lapses or, if no member holds it (`is_held`), when the window may be
    leased again. `attempt` counts the leases of the range so far, `handed` the events in it, including those whose
    digests `done` holds: they are done, or became retries. `halvings` says how often the range was halved. `reason` is
    that of the last release. `becomes` says into what a process has begun to divide the window, so that whoever goes on
    with that does the same, even if fewer events are left by then.
    """

    start: bytes
    end: bytes
    until: int
    attempt: int
    handed: int
    is_held: bool = True
    halvings: int = 0
    done: bytes = b""
    reason: str = ""
    becomes: str = ""

    @property
    def after(self) -> str:
        """The position after which the range begins."""
        return positions.from_bytes(self.start)

    @property
    def last(self) -> str:
        """The last position of the range."""
        return positions.from_bytes(self.end)

    @property
    def left(self) -> int:
        """The number of events that are not done; may count events that have left the inbox since."""
        return max(0, self.handed - len(self.done) // DIGEST_BYTES)

    def spans(self, position: str) -> bool:
        """Return whether `position` is in the range."""
        return self.start < positions.to_bytes(position) <= self.end

    def covers(self, position: str) -> bool:
        """Return whether `position` is in the range and not done."""
        return self.spans(position) and not self.has_done(position)

    def has_done(self, position: str) -> bool:
        """Return whether the event at `position`, which is in the range, is done."""
        wanted = digest_of(position)
        return any(self.done[at : at + DIGEST_BYTES] == wanted for at in range(0, len(self.done), DIGEST_BYTES))


class Single(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A retry in a window: its due time and position name the row, `attempt` counts this lease."""

    due: int
    at: bytes
    attempt: int
    reason: str = ""

    @property
    def position(self) -> str:
        """The position of the event."""
        return positions.from_bytes(self.at)


class RetryWindow(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="s"):
    """A lease of retries. Their rows stay until they are done, so the window only says that they are leased."""

    until: int
    singles: tuple[Single, ...]

    @property
    def is_held(self) -> bool:
        """Whether a member was given this window: always."""
        return True

    @property
    def left(self) -> int:
        """The number of events that are not done."""
        return len(self.singles)

    def covers(self, position: str) -> bool:
        """Return whether the event at `position` is leased by this window."""
        at = positions.to_bytes(position)
        return any(single.at == at for single in self.singles)


Window = RangeWindow | RetryWindow


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a group.

    `frontier` is a cursor: every event up to it is done, or in a window, a retry or the quarantine. `windows` are the
    open ones by their keys, which are random and never reused. `serial` counts the openings of windows, `epoch` names
    the time since the last seek, and `born` the group itself, so that rows of a deleted group do not come back.
    """

    born: int
    epoch: int
    serial: int
    frontier: str
    config: GroupConfig
    windows: Mapping[str, Window]

    def is_leased(self, position: str) -> bool:
        """Return whether an open window covers `position`."""
        return any(window.covers(position) for window in self.windows.values())


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is leased again from `due` (epoch milliseconds) on. `attempt` counts its leases so far.

    `alone` means that it must be the only event of its lease: it may be what made its members fail.
    """

    due: int
    position: str
    attempt: int
    alone: bool = False
    reason: str = ""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """An event that failed `attempts` times, and since when (epoch milliseconds) it is in quarantine."""

    position: str
    attempts: int
    at: int
    reason: str = ""


_decoder: msgspec.msgpack.Decoder[Window] = msgspec.msgpack.Decoder(Window)
_encoder = msgspec.msgpack.Encoder()


def digest_of(position: str) -> bytes:
    """Return the bytes that identify `position` within its window: its last ones, which are random."""
    return bytes.fromhex(position[-2 * DIGEST_BYTES :])


def encode_window(window: Window) -> bytes:
    """Return `window` as stores keep it; equal windows have equal encodings."""
    return _encoder.encode(window)


def decode_window(raw: bytes) -> Window:
    """Return the window in `raw`; raise `Poison` if a newer release wrote it."""
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise Poison(f"unreadable window of a consumer group: {error}") from None
