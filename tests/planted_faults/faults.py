"""Twenty small faults of the core: what a hurried change could leave behind."""

from typing import NamedTuple


class Fault(NamedTuple):
    """A change of one line: `old`, which occurs once in `file`, becomes `new`. `tests` should fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


_COMMIT = "tests/unit/worker/commit"
_INBOX = "tests/unit/worker/inbox"
_READING = "tests/unit/worker/reading"
_GROUPS = "tests/unit/worker/groups tests/simulation/groups"
_MODEL = "tests/unit/shared/model"
_AUTH = "tests/unit/shared/auth"
_INGEST = "tests/unit/ingest"

FAULTS = (
    Fault(
        "the end of the deduplication window counts as inside",
        "worker/commit/resolver.py",
        "if abs(commit.accepted_at - other.accepted_at) >= commit.window_ms:",
        "if abs(commit.accepted_at - other.accepted_at) > commit.window_ms:",
        _COMMIT,
    ),
    Fault(
        "an erase does not keep out events accepted before it",
        "worker/commit/resolver.py",
        "if other.erased_at is not None and commit.accepted_at <= other.erased_at:",
        "if other.erased_at is not None and commit.accepted_at > other.erased_at:",
        _COMMIT,
    ),
    Fault(
        "an event that was acked meanwhile is stored once more",
        "worker/commit/resolver.py",
        "[delivered] = await self._store.read_events([place._replace(delivered=True)])",
        "delivered = None",
        _COMMIT,
    ),
    Fault(
        "an insert answered late counts as in time",
        "worker/commit/event_commit.py",
        "if outcome is Outcome.DONE and self.was_in_time(position):",
        "if outcome is Outcome.DONE:",
        _COMMIT,
    ),
    Fault(
        "a wall clock that was set back makes a position young again",
        "worker/commit/event_commit.py",
        "return max(clock.wall_ms() - minted.wall_ms, clock.monotonic_ms() - minted.monotonic_ms)",
        "return clock.wall_ms() - minted.wall_ms",
        _COMMIT,
    ),
    Fault(
        "an ack ignores the types of its key",
        "worker/commit/removal.py",
        "events = [event for event in listed if matches_any(types, event.type)]",
        "events = list(listed)",
        _COMMIT,
    ),
    Fault(
        "a message is copied only after its last delivery",
        "worker/commit/dispositions.py",
        "if message.receives < settings.max_receives - 1:",
        "if message.receives < settings.max_receives:",
        _COMMIT,
    ),
    Fault(
        "a page that its limit cut says that nothing follows",
        "worker/reading/scan.py",
        "more = len(events) < len(known) or safe < before",
        "more = safe < before",
        _READING,
    ),
    Fault(
        "a query that stopped early counts as complete",
        "worker/reading/scan.py",
        "self.frontier = answer.stopped_at or self.last",
        "self.frontier = self.last",
        _READING,
    ),
    Fault(
        "a wait ends for events before its start",
        "worker/reading/waiter.py",
        "later = islice(matching, bisect_left(matching, start, key=_position_of), None)",
        "later = iter(matching)",
        _READING,
    ),
    Fault(
        "`since` does not advance a cursor",
        "worker/inbox/query.py",
        "return cursor._replace(position=max(cursor.position, since or position.FIRST))",
        "return cursor",
        _INBOX,
    ),
    Fault(
        "a lease is taken over while another clock still grants it",
        "worker/groups/lapsed.py",
        "return until + self._skew_ms",
        "return until",
        _GROUPS,
    ),
    Fault(
        "an event fails once more than allowed before its quarantine",
        "worker/groups/lapsed.py",
        "return Division.QUARANTINE if window.attempt >= max_attempts else Division.WHOLE",
        "return Division.QUARANTINE if window.attempt > max_attempts else Division.WHOLE",
        _GROUPS,
    ),
    Fault(
        "events that are given back can be leased before their delay",
        "worker/groups/held.py",
        "until = 0 if release.delay_seconds == 0 else due",
        "until = 0",
        _GROUPS,
    ),
    Fault(
        "a cursor of another inbox is accepted",
        "shared/model/cursor.py",
        "if raw[-_CHECKSUM_BYTES:] != _checksum(inbox):",
        "if not _checksum(inbox):",
        _MODEL,
    ),
    Fault(
        "positions of one millisecond are out of order after its counter is used up",
        "shared/model/position.py",
        "self._begin(self._last_ms + 1)",
        "self._begin(self._last_ms)",
        _MODEL,
    ),
    Fault(
        "a bucket that was full overflows",
        "shared/auth/token_bucket.py",
        "bucket.tokens = min(float(key.burst), bucket.tokens + (now_ms - bucket.at_ms) * key.rate / 1000)",
        "bucket.tokens += (now_ms - bucket.at_ms) * key.rate / 1000",
        _AUTH,
    ),
    Fault(
        "a verified key stays valid after its end",
        "shared/auth/verifier.py",
        "return None if entry.key.lapsed(self._clock.wall_ms()) else entry.key",
        "return entry.key",
        _AUTH,
    ),
    Fault(
        "a batch of one event too many is accepted",
        "ingest/formats/validation.py",
        "if 1 <= count <= MAX_EVENTS_PER_REQUEST:",
        "if 1 <= count <= MAX_EVENTS_PER_REQUEST + 1:",
        _INGEST,
    ),
    Fault(
        "a name of more than one byte a character counts too little",
        "ingest/pending_pack.py",
        "size += _NAME_BYTES * names + memoryview(event.body).nbytes",
        "size += names + memoryview(event.body).nbytes",
        _INGEST,
    ),
)
