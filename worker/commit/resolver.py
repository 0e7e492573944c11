"""The rare path: an event whose first claim or commit did not succeed.

See `docs/protocol.md` (the rare path) and `docs/decisions/`. An event repeats `_step` until its outcome is known. Each
round starts from a consistent read of the identity's current guard, and every change is conditional on the guard's
version, so a round that used outdated data changes nothing and is repeated.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from shared.model.errors import Poison, Unavailable, Unclear
from shared.model.records import Guard, Outcome, StoredEvent, Tombstone
from shared.ports import BodyStore, EventStore
from shared.telemetry.catalog import Metrics
from shared.telemetry.instruments import Counter
from worker.commit.event_commit import CommitRules, EventCommit, Result
from worker.commit.retry import retry_until

_MAX_CONCURRENT_MOVES = 8


class _Change(NamedTuple):
    """A transaction that moves a guard and stores its event, and the counter of those that took effect."""

    call: Callable[[Guard, Guard, StoredEvent], Awaitable[bool]]
    counter: Counter


class Resolver:
    """Determines the outcomes of single events; safe for concurrent use."""

    def __init__(
        self, store: EventStore, bodies: BodyStore, rules: CommitRules, metrics: Metrics | None = None
    ) -> None:
        metrics = metrics or Metrics()
        self._reposition = _Change(store.reposition, metrics.repositions.of())
        self._move_and_insert = _Change(store.move_and_insert, metrics.moved_claims.of())
        self._take_overs = metrics.take_overs.of()
        self._store = store
        self._bodies = bodies
        self._rules = rules
        self._moves = asyncio.Semaphore(_MAX_CONCURRENT_MOVES)

    async def resolve(self, commit: EventCommit, *, give_up: Callable[[], bool]) -> Result:
        """Return the outcome of `commit`; `POSTPONED` once `give_up` returns true.

        Raises `Poison` if the store will never accept the event.
        """
        result = await retry_until(self._rules.clock, lambda: self._step(commit), give_up=give_up)
        return result or Result.POSTPONED

    async def _step(self, commit: EventCommit) -> Result | None:
        """Run one round; return None if the data has changed and another round is needed."""
        await commit.offload_body(self._bodies)
        current = await self._store.read_guard(commit.identity)
        if current is None:
            return await self._claim(commit)
        if current.receipt == commit.event.receipt:
            return await self._advance(commit, current, current)
        result = self._compare(commit, current)
        if commit.accepted_at > current.accepted_at:
            return result or await self._enter(commit, current, self._take_over)
        # An erase that has marked the current guard may not have reached this event yet, which is listed until then.
        if result in (None, Result.ERASED):
            return await self._enter_older(commit, current)
        return result

    def _compare(self, commit: EventCommit, other: Guard) -> Result | None:
        """Return the result of `commit` if `other` is a reason to drop it, otherwise None.

        The two acceptance times are compared, never the present: a backlog older than the window would list duplicates.
        A duplicate of an erased event stays a duplicate: a producer's retry must not bring it back.
        """
        if other.erased_at is not None and commit.accepted_at <= other.erased_at:
            return Result.ERASED
        if abs(commit.accepted_at - other.accepted_at) >= commit.window_ms:
            return None
        return Result.DUPLICATE if commit.digest == other.digest else Result.CONFLICT

    async def _claim(self, commit: EventCommit) -> Result | None:
        guard = commit.guard_at(commit.mint())
        [outcome] = await self._store.insert_guards([guard])
        if outcome is Outcome.REFUSED:
            raise Poison("the store refuses its guard")
        if outcome is Outcome.DONE:
            return await self._advance(commit, guard, guard)
        return None

    async def _enter(
        self, commit: EventCommit, current: Guard, change: Callable[[Guard, Guard], Awaitable[bool]]
    ) -> Result | None:
        """Add this event's guard; the next round continues from it."""
        await change(current, commit.guard_at(commit.mint()))
        return None

    async def _take_over(self, current: Guard, new: Guard) -> bool:
        taken = await self._store.take_over(current, new)
        self._take_overs.add(taken)
        return taken

    async def _enter_older(self, commit: EventCommit, current: Guard) -> Result | None:
        """Compare this event with the older guards, and insert its guard if none is a reason to drop it.

        Two older events that insert their guards at the same time could miss each other. Both inserts are conditional
        on the current guard's version, which is read before all others, so one of them fails and starts over.
        """
        guards = await self._store.read_guards(commit.identity)
        own = next((guard for guard in guards if guard.receipt == commit.event.receipt), None)
        if own is not None:
            return await self._advance(commit, current, own)
        for guard in guards:
            result = self._compare(commit, guard)
            if result is not None:
                return result
        return await self._enter(commit, current, self._store.insert_older)

    async def _advance(self, commit: EventCommit, current: Guard, own: Guard) -> Result | None:
        """Continue from this event's own guard."""
        if own.erased_at is not None:
            return Result.ERASED
        if commit.is_unsent(own.position):
            await self._store.prepare()  # as in the common path
            if commit.may_commit(own.position):
                return await self._commit(commit, own)
            # Nothing was sent there, so nothing can arrive there: no tombstones are needed.
            return await self._move(commit, current, own, self._move_and_insert)
        return await self._repair(commit, current, own)

    async def _commit(self, commit: EventCommit, own: Guard) -> Result | None:
        commit.sent.add(own.position)
        with contextlib.suppress(Unclear):
            [outcome] = await self._store.insert_events([commit.stored_at(own.position)])
            commit.record_outcome(own.position, outcome)
            if outcome is Outcome.REFUSED:
                raise Poison("the store refuses the event")
        await self.confirm([(commit, own.position)])
        return commit.result

    async def confirm(self, doubtful: Sequence[tuple[EventCommit, str]]) -> None:
        """Read events whose insert had no answer or a late one: most of them are there, and in time.

        Only an early read proves that (`EventCommit.confirm`), so this precedes any other step.
        """
        doubtful = [(commit, position) for commit, position in doubtful if commit.is_in_doubt(position)]
        if not doubtful:
            return
        places = [commit.stored_at(position).place for commit, position in doubtful]
        with contextlib.suppress(Unavailable, Unclear):
            for (commit, position), record in zip(doubtful, await self._store.read_events(places), strict=True):
                commit.confirm(position, record)

    async def _repair(self, commit: EventCommit, current: Guard, own: Guard) -> Result | None:
        """Check whether the event is at its guard's position, and reposition it if it is not."""
        position = own.position
        in_doubt = position in commit.sent or commit.may_still_move(current)
        if not in_doubt:
            # Another worker may be about to commit here. After settle it either has, or will find our tombstone. If its
            # clock was ahead, its position is in the future, but it was minted before now.
            settle_ms = self._rules.settings.settle_ms
            await self._rules.clock.sleep_ms(min(settle_ms, max(0, settle_ms - commit.age_ms(position))))
        place = commit.stored_at(position).place
        [record] = await self._store.read_events([place])
        if isinstance(record, Tombstone):
            return None
        if record is not None and not in_doubt:
            return Result.STORED
        commit.confirm(position, record)
        if commit.result is not None:
            return commit.result
        # Read second: an ack inserts the delivered event before it deletes the one here.
        [delivered] = await self._store.read_events([place._replace(delivered=True)])
        if isinstance(delivered, StoredEvent):
            return Result.STORED
        return await self._move(commit, current, own, self._reposition)

    async def _move(self, commit: EventCommit, current: Guard, own: Guard, change: _Change) -> Result | None:
        """Move the guard and store the event there in one transaction: after two calls, both could be too old again."""
        # Minted once a slot is free: if hundreds moved concurrently, all would be too old when they arrive.
        async with self._moves:
            await self._store.prepare()
            position = commit.mint()
            if not commit.may_commit(position):  # the clock is not right
                return None
            commit.begin_move(current, position)
            with contextlib.suppress(Unclear):
                moved = await change.call(current, own, commit.stored_at(position))
                commit.end_move(current)
                if moved:
                    change.counter.add()
                    commit.record_outcome(position, Outcome.DONE)
            await self.confirm([(commit, position)])
        return commit.result
