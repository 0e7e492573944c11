"""Bugs that the simulation of faults must detect. `BUGS` lists them by name."""

from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from shared.memory.event_store import MemoryStore
from shared.model.records import Guard, Outcome, Place, StoredEvent, Tombstone
from tests.simulation.bugs_in_layouts import LAYOUT_BUGS
from tests.simulation.bugs_in_moves import MOVE_BUGS
from tests.simulation.bugs_in_queries import QUERY_BUGS
from tests.simulation.bugs_in_reads import READ_BUGS
from tests.simulation.bugs_in_shutdown import SHUTDOWN_BUGS
from tests.simulation.bugs_in_the_bucket import BUCKET_BUGS
from tests.simulation.bugs_in_the_queue import QUEUE_BUGS
from tests.simulation.bugs_in_time import TIME_BUGS
from tests.simulation.planting import Bugs
from tests.simulation.profiles import CALL_PROFILES, profile_named
from tests.simulation.run import simulate
from worker.commit.consumer import Consumer
from worker.commit.event_commit import CommitRules, EventCommit, Result
from worker.commit.processor import Processor
from worker.commit.removal import Removed, Remover
from worker.commit.resolver import Resolver

BUGS = Bugs(MOVE_BUGS | READ_BUGS | LAYOUT_BUGS | SHUTDOWN_BUGS | BUCKET_BUGS | QUERY_BUGS | TIME_BUGS | QUEUE_BUGS)
_bug = BUGS.add


def is_caught(bug: str, seed: int) -> bool:
    """Plant `bug`, and return whether `seed` finds it."""
    name = BUGS[bug].profile
    profile = CALL_PROFILES[seed % len(CALL_PROFILES)] if name is None else profile_named(name)
    with BUGS.planted(bug):
        return bool(simulate(seed, profile=profile).violations)


@_bug
def message_deleted_before_it_is_processed() -> Iterator[Any]:
    """The message is deleted on receipt; a crash loses it."""
    handle = Consumer.handle

    async def delete_first(self: Consumer, messages: Any) -> None:
        await self._delete(messages)
        await handle(self, messages)

    yield patch.object(Consumer, "handle", delete_first)


@_bug
def lost_answer_treated_as_success() -> Iterator[Any]:
    """An insert whose answer was lost counts as done."""
    record_outcome = EventCommit.record_outcome

    def optimistic(self: EventCommit, position: str, outcome: Outcome) -> None:
        record_outcome(self, position, Outcome.DONE if outcome is Outcome.UNCLEAR else outcome)

    yield patch.object(EventCommit, "record_outcome", optimistic)


@_bug
def claim_treated_as_a_commit() -> Iterator[Any]:
    """A redelivered event whose guard exists counts as stored, although its first worker died before the commit."""

    async def done(*_: Any) -> Result:
        return Result.STORED

    yield patch.object(Resolver, "_advance", done)


@_bug
def no_reposition() -> Iterator[Any]:
    """An event missing at its position is inserted there late, behind cursors that have passed."""

    async def insert_again(self: Resolver, commit: EventCommit, _: Guard, own: Guard, __: Any) -> Result | None:
        await self._store.insert_events([commit.stored_at(own.position)])
        return Result.STORED

    yield patch.object(Resolver, "_move", insert_again)


@_bug
def no_tombstones() -> Iterator[Any]:
    """A late call can insert at the position that its event has left."""

    def leave_empty(self: MemoryStore, place: Place, moved_to: str | None) -> None:
        if isinstance(self._at(place), StoredEvent) or moved_to is None:
            self.by_shard.pop((self.layout.shard_of(place), place), None)
            positions = self._shard(place)
            if place.position in positions:
                positions.remove(place.position)

    yield patch.object(MemoryStore, "_bury", leave_empty)


@_bug
def window_measured_against_now() -> Iterator[Any]:
    """A duplicate that was queued for longer than the window is listed."""

    def against_now(self: Resolver, commit: EventCommit, other: Guard) -> Result | None:
        age_ms = self._rules.clock.wall_ms() - other.accepted_at
        if other.erased_at is not None and commit.accepted_at <= other.erased_at:
            return Result.ERASED
        return Result.DUPLICATE if age_ms < commit.window_ms else None

    yield patch.object(Resolver, "_compare", against_now)


@_bug
def window_of_the_pack_ignored() -> Iterator[Any]:
    """Every event has the window of the settings."""
    yield patch.object(CommitRules, "window_seconds", lambda self, _pack: self.settings.deduplication_window_seconds)


@_bug
def repeats_in_a_batch_dropped() -> Iterator[Any]:
    """Of a batch's events with one identity, only the first is processed."""

    async def drop_followers(self: Processor, commits: Sequence[EventCommit], give_up: Any) -> None:
        leaders = {commit.identity: commit for commit in reversed(commits)}
        for commit in commits:
            if leaders[commit.identity] is not commit:
                commit.result = Result.DUPLICATE
        await store_all(self, list(leaders.values()), give_up)

    store_all = Processor._store_all
    yield patch.object(Processor, "_store_all", drop_followers)


@_bug
def take_over_discards_the_old_guard() -> Iterator[Any]:
    """The guard is overwritten; a redelivery of the old event finds no guard of its own."""

    async def overwrite(self: MemoryStore, current: Guard, new: Guard) -> bool:
        guards = self._unchanged(current)
        if guards is None:
            return False
        guards["guard"] = replace(new, version=current.version + 1)
        return True

    yield patch.object(MemoryStore, "take_over", overwrite)


@_bug
def repair_ignores_acked_events() -> Iterator[Any]:
    """An event that was acked is not at its position, so it is inserted into the inbox again."""
    reposition = MemoryStore.reposition

    async def blind(self: MemoryStore, current: Guard, guard: Guard, event: StoredEvent) -> bool:
        place = event.place._replace(position=guard.position, delivered=True)
        self.by_shard.pop((self.layout.shard_of(place), place), None)
        return await reposition(self, current, guard, event)

    async def straight_to_reposition(self: Resolver, commit: EventCommit, current: Guard, own: Guard) -> Result | None:
        [record] = await self._store.read_events([commit.stored_at(own.position).place])
        if isinstance(record, StoredEvent):
            return Result.STORED
        return await self._move(commit, current, own, self._reposition)

    yield patch.object(MemoryStore, "reposition", blind)
    yield patch.object(Resolver, "_repair", straight_to_reposition)


@_bug
def timer_started_at_the_send() -> Iterator[Any]:
    """Any answer within the call's timeout counts, however long the worker stalled before the call."""
    yield patch.object(EventCommit, "was_in_time", lambda *_: True)


@_bug
def proof_at_any_age() -> Iterator[Any]:
    """An event in doubt that is found counts as in time, however late it appeared."""

    def trust(self: EventCommit, _: str, record: object) -> None:
        if isinstance(record, StoredEvent):
            self.result = Result.STORED

    yield patch.object(EventCommit, "confirm", trust)


@_bug
def changes_without_a_version() -> Iterator[Any]:
    """Guards are changed even if they have changed since they were read."""

    def unchecked(self: MemoryStore, current: Guard) -> Any:
        return self._guards.get(current.identity)

    yield patch.object(MemoryStore, "_unchanged", unchecked)


@_bug
def ack_that_deletes_first() -> Iterator[Any]:
    """The event is deleted from the inbox before it is inserted as delivered; a crash in between loses it."""
    deliver = Remover._deliver

    async def delete_first(self: Remover, events: Sequence[StoredEvent], acked_at: int) -> Any:
        await self._store.remove_events([event.place for event in events])
        return await deliver(self, events, acked_at)

    yield patch.object(Remover, "_deliver", delete_first)


@_bug
def ack_that_does_not_follow_moves() -> Iterator[Any]:
    """An ack of a position that its event has left is dropped, and the event stays in the inbox."""
    read = MemoryStore.read_events

    async def no_moves(self: MemoryStore, places: Sequence[Place]) -> Any:
        records = await read(self, places)
        return [replace(record, moved_to=None) if isinstance(record, Tombstone) else record for record in records]

    yield patch.object(MemoryStore, "read_events", no_moves)


@_bug
def erase_that_leaves_no_marker() -> Iterator[Any]:
    """An erase that finds no event just ends; the event, still in flight, is stored after it."""
    erase_one = Remover._erase_one

    async def no_marker(self: Remover, pack: Any) -> bool:
        if not await self._store.read_guards(pack.identity):
            return True
        return await erase_one(self, pack)

    yield patch.object(Remover, "_erase_one", no_marker)


@_bug
def early_ack_dropped() -> Iterator[Any]:
    """An ack by identity that arrives before its event is dropped."""
    ack = Remover._ack_identity

    async def drop(self: Remover, pack: Any) -> Removed:
        removed = await ack(self, pack)
        return Removed.GONE if removed is Removed.MISSING else removed

    yield patch.object(Remover, "_ack_identity", drop)


@_bug
def expired_events_stored() -> Iterator[Any]:
    """A redrive weeks later revives an event."""
    yield patch.object(CommitRules, "is_expired", lambda *_: False)


@_bug
def ack_of_any_type() -> Iterator[Any]:
    """A key limited to some types acks events of others, whose positions it found out."""
    yield patch("worker.commit.removal.matches_any", lambda *_: True)
