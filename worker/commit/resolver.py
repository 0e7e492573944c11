"""The rare path: an event whose claim or commit did not go through at the first try.

Here live steps 4 to 6 of the protocol (DESIGN.md, section 4; docs/decisions). An event goes round `_step` until
it is known what became of it. Each round starts from the identity's current guard, read consistently, and every
change names the guard's version, so a round that worked from an old picture changes nothing and is repeated.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from shared.model.errors import Poison, Unavailable, Unclear
from shared.model.records import Guard, Outcome, StoredEvent, Tombstone
from shared.ports import BodyStore, EventStore
from shared.telemetry.catalog import Metrics
from worker.commit.event_commit import CommitRules, EventCommit, Result
from worker.commit.retry import retry_until

_MOVES_AT_ONCE = 8


class Resolver:
    """Brings one event at a time to its end; safe to use for many at once."""

    def __init__(
        self, store: EventStore, bodies: BodyStore, rules: CommitRules, metrics: Metrics | None = None
    ) -> None:
        metrics = metrics or Metrics()
        self._repositions = metrics.repositions.of()
        self._take_overs = metrics.take_overs.of()
        self._store = store
        self._bodies = bodies
        self._rules = rules
        self._moves = asyncio.Semaphore(_MOVES_AT_ONCE)

    async def resolve(self, commit: EventCommit, *, give_up: Callable[[], bool]) -> Result:
        """Return what became of `commit`; `POSTPONED` once `give_up` says so.

        Raises `Poison` if the store will never take the event.
        """
        result = await retry_until(self._rules.clock, lambda: self._step(commit), give_up=give_up)
        return result or Result.POSTPONED

    async def _step(self, commit: EventCommit) -> Result | None:
        """Go one round; None means that the picture changed and another is needed."""
        await commit.offload_body(self._bodies)
        current = await self._store.read_guard(commit.identity)
        if current is None:
            return await self._claim(commit)
        if current.receipt == commit.event.receipt:
            return await self._advance(commit, current, current)
        disposition = self._compare(commit, current)
        if commit.accepted_at > current.accepted_at:
            return disposition or await self._enter(commit, current, self._take_over)
        # An erase that has marked the current guard may not have come to this event yet, which is listed until then.
        if disposition in (None, Result.ERASED):
            return await self._enter_older(commit, current)
        return disposition

    def _compare(self, commit: EventCommit, other: Guard) -> Result | None:
        """Return why `commit` is dropped in the face of `other`, or None if that is no reason to.

        The two times of acceptance are compared, never now: a backlog older than the window would else
        list a repeat. A repeat of an erased event stays a repeat: a producer's retry must not bring it back.
        """
        if other.erased_at is not None and commit.accepted_at <= other.erased_at:
            return Result.ERASED
        if abs(commit.accepted_at - other.accepted_at) >= self._rules.window_ms:
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
        """Add this event's guard beside `current`. The next round finds it and goes on from there."""
        await change(current, commit.guard_at(commit.mint()))
        return None

    async def _take_over(self, current: Guard, new: Guard) -> bool:
        taken = await self._store.take_over(current, new)
        self._take_overs.add(taken)
        return taken

    async def _enter_older(self, commit: EventCommit, current: Guard) -> Result | None:
        """Find this event's place among those accepted before the current one.

        Two older ones that entered at once could both miss each other; that each names the current guard's
        version, read before all others were, makes one of them look again.
        """
        guards = await self._store.read_guards(commit.identity)
        own = next((guard for guard in guards if guard.receipt == commit.event.receipt), None)
        if own is not None:
            return await self._advance(commit, current, own)
        for guard in guards:
            disposition = self._compare(commit, guard)
            if disposition is not None:
                return disposition
        return await self._enter(commit, current, self._store.insert_older)

    async def _advance(self, commit: EventCommit, current: Guard, own: Guard) -> Result | None:
        """Go on from this event's own guard."""
        if own.erased_at is not None:
            return Result.ERASED
        if commit.is_unsent(own.position):
            if commit.may_commit(own.position):
                return await self._commit(commit, own)
            return await self._reposition(commit, current, own)
        return await self._repair(commit, current, own)

    async def _commit(self, commit: EventCommit, own: Guard) -> Result | None:
        commit.sent.add(own.position)
        try:
            [outcome] = await self._store.insert_events([commit.stored_at(own.position)])
        except Unclear:
            outcome = Outcome.UNCLEAR
        commit.judge(own.position, outcome)
        if outcome is Outcome.REFUSED:
            raise Poison("the store refuses the event")
        await self.confirm([(commit, own.position)])
        return commit.result

    async def confirm(self, doubtful: Sequence[tuple[EventCommit, str]]) -> None:
        """Look at once for events whose insert had no answer, or one too late: most are there, and in time.

        Proof only counts for so long (`EventCommit.confirm`), so this goes before everything else that could be done.
        """
        doubtful = [(commit, position) for commit, position in doubtful if commit.is_in_doubt(position)]
        if not doubtful:
            return
        places = [commit.stored_at(position).place for commit, position in doubtful]
        with contextlib.suppress(Unavailable, Unclear):
            for (commit, position), record in zip(doubtful, await self._store.read_events(places), strict=True):
                commit.confirm(position, record)

    async def _repair(self, commit: EventCommit, current: Guard, own: Guard) -> Result | None:
        """Find out whether the event lies where its guard says, and put it somewhere else if it doesn't."""
        position = own.position
        in_doubt = position in commit.sent or commit.may_still_move(current)
        if not in_doubt:
            # Another worker may be about to commit here. Past settle it either has, or must find our tombstone.
            await self._rules.clock.sleep_ms(max(0, self._rules.settings.settle_ms - commit.age_ms(position)))
        place = commit.stored_at(position).place
        [record] = await self._store.read_events([place])
        if isinstance(record, Tombstone):
            return None
        if record is not None and not in_doubt:
            return Result.STORED
        commit.confirm(position, record)
        if commit.result is not None:
            return commit.result
        # Read second: an ack inserts among the delivered before it deletes here.
        [delivered] = await self._store.read_events([place._replace(delivered=True)])
        if isinstance(delivered, StoredEvent):
            return Result.STORED
        return await self._reposition(commit, current, own)

    async def _reposition(self, commit: EventCommit, current: Guard, own: Guard) -> Result | None:
        # Minted once it is this event's turn: while hundreds move at once, all would be too old when they arrive.
        async with self._moves:
            position = commit.mint()
            commit.begin_move(current, position)
            moved = False
            with contextlib.suppress(Unclear):
                moved = await self._store.reposition(current, own, commit.stored_at(position))
                commit.end_move(current)
            if moved:
                self._repositions.add()
                commit.judge(position, Outcome.DONE)
            await self.confirm([(commit, position)])
        return commit.result
