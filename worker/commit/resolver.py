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
from worker.commit.event_commit import Protocol, Result, Work
from worker.commit.retry import persist

_MOVES_AT_ONCE = 8


class Resolver:
    """Brings one event at a time to its end; safe to use for many at once."""

    def __init__(
        self, store: EventStore, bodies: BodyStore, protocol: Protocol, metrics: Metrics | None = None
    ) -> None:
        metrics = metrics or Metrics()
        self._repositions = metrics.repositions.of()
        self._take_overs = metrics.take_overs.of()
        self._store = store
        self._bodies = bodies
        self._protocol = protocol
        self._moves = asyncio.Semaphore(_MOVES_AT_ONCE)

    async def resolve(self, work: Work, *, give_up: Callable[[], bool]) -> Result:
        """Return what became of `work`; `POSTPONED` once `give_up` says so.

        Raises `Poison` if the store will never take the event.
        """
        result = await persist(self._protocol.clock, lambda: self._step(work), give_up=give_up)
        return result or Result.POSTPONED

    async def _step(self, work: Work) -> Result | None:
        """Go one round; None means that the picture changed and another is needed."""
        await work.park(self._bodies)
        current = await self._store.read_guard(work.identity)
        if current is None:
            return await self._claim(work)
        if current.receipt == work.event.receipt:
            return await self._advance(work, current, current)
        verdict = self._compare(work, current)
        if work.accepted_at > current.accepted_at:
            return verdict or await self._enter(work, current, self._take_over)
        # An erase that has marked the current guard may not have come to this event yet, which is listed until then.
        if verdict in (None, Result.ERASED):
            return await self._enter_older(work, current)
        return verdict

    def _compare(self, work: Work, other: Guard) -> Result | None:
        """Return why `work` is dropped in the face of `other`, or None if that is no reason to.

        The two times of acceptance are compared, never now: a backlog older than the window would else
        list a repeat. A repeat of an erased event stays a repeat: a producer's retry must not bring it back.
        """
        if other.erased_at is not None and work.accepted_at <= other.erased_at:
            return Result.ERASED
        if abs(work.accepted_at - other.accepted_at) >= self._protocol.window_ms:
            return None
        return Result.DUPLICATE if work.digest == other.digest else Result.CONFLICT

    async def _claim(self, work: Work) -> Result | None:
        guard = work.guard_at(work.mint())
        [outcome] = await self._store.insert_guards([guard])
        if outcome is Outcome.REFUSED:
            raise Poison("the store refuses its guard")
        if outcome is Outcome.DONE:
            return await self._advance(work, guard, guard)
        return None

    async def _enter(
        self, work: Work, current: Guard, change: Callable[[Guard, Guard], Awaitable[bool]]
    ) -> Result | None:
        """Add this event's guard beside `current`. The next round finds it and goes on from there."""
        await change(current, work.guard_at(work.mint()))
        return None

    async def _take_over(self, current: Guard, new: Guard) -> bool:
        taken = await self._store.take_over(current, new)
        self._take_overs.add(taken)
        return taken

    async def _enter_older(self, work: Work, current: Guard) -> Result | None:
        """Find this event's place among those accepted before the current one.

        Two older ones that entered at once could both miss each other; that each names the current guard's
        version, read before all others were, makes one of them look again.
        """
        guards = await self._store.read_guards(work.identity)
        own = next((guard for guard in guards if guard.receipt == work.event.receipt), None)
        if own is not None:
            return await self._advance(work, current, own)
        for guard in guards:
            verdict = self._compare(work, guard)
            if verdict is not None:
                return verdict
        return await self._enter(work, current, self._store.insert_older)

    async def _advance(self, work: Work, current: Guard, own: Guard) -> Result | None:
        """Go on from this event's own guard."""
        if own.erased_at is not None:
            return Result.ERASED
        if work.is_unsent(own.position):
            if work.may_commit(own.position):
                return await self._commit(work, own)
            return await self._reposition(work, current, own)
        return await self._repair(work, current, own)

    async def _commit(self, work: Work, own: Guard) -> Result | None:
        work.sent.add(own.position)
        try:
            [outcome] = await self._store.insert_events([work.stored_at(own.position)])
        except Unclear:
            outcome = Outcome.UNCLEAR
        work.judge(own.position, outcome)
        if outcome is Outcome.REFUSED:
            raise Poison("the store refuses the event")
        await self.confirm([(work, own.position)])
        return work.result

    async def confirm(self, doubtful: Sequence[tuple[Work, str]]) -> None:
        """Look at once for events whose insert had no answer, or one too late: most are there, and in time.

        Proof only counts for so long (`Work.confirm`), so this goes before everything else that could be done.
        """
        doubtful = [(work, position) for work, position in doubtful if work.is_in_doubt(position)]
        if not doubtful:
            return
        places = [work.stored_at(position).place for work, position in doubtful]
        with contextlib.suppress(Unavailable, Unclear):
            for (work, position), record in zip(doubtful, await self._store.read_events(places), strict=True):
                work.confirm(position, record)

    async def _repair(self, work: Work, current: Guard, own: Guard) -> Result | None:
        """Find out whether the event lies where its guard says, and put it somewhere else if it doesn't."""
        position = own.position
        in_doubt = position in work.sent or work.may_still_move(current)
        if not in_doubt:
            # Another worker may be about to commit here. Past settle it either has, or must find our tombstone.
            await self._protocol.clock.sleep_ms(max(0, self._protocol.settings.settle_ms - work.age_ms(position)))
        place = work.stored_at(position).place
        [record] = await self._store.read_events([place])
        if isinstance(record, Tombstone):
            return None
        if record is not None and not in_doubt:
            return Result.STORED
        work.confirm(position, record)
        if work.result is not None:
            return work.result
        # Read second: an ack inserts among the delivered before it deletes here.
        [delivered] = await self._store.read_events([place._replace(delivered=True)])
        if isinstance(delivered, StoredEvent):
            return Result.STORED
        return await self._reposition(work, current, own)

    async def _reposition(self, work: Work, current: Guard, own: Guard) -> Result | None:
        # Minted once it is this event's turn: while hundreds move at once, all would be too old when they arrive.
        async with self._moves:
            position = work.mint()
            work.begin_move(current, position)
            moved = False
            with contextlib.suppress(Unclear):
                moved = await self._store.reposition(current, own, work.stored_at(position))
                work.end_move(current)
            if moved:
                self._repositions.add()
                work.judge(position, Outcome.DONE)
            await self.confirm([(work, position)])
        return work.result
