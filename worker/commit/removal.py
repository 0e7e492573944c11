"""Acks and erases: events leave the inbox for the delivered, or for good.

An ack inserts among the delivered first and deletes from the inbox after, so that a crash between the two
leaves an event twice, never nowhere; its repetition finishes the move.
"""

import enum
from collections import Counter
from collections.abc import Sequence
from typing import TypeGuard

from msgspec.structs import replace

from shared.containers import batches
from shared.model.errors import Unavailable
from shared.model.pack import AckPack, Removal
from shared.model.records import Guard, Outcome, Place, StoredEvent, Tombstone, body_key
from shared.ports import MAX_STATEMENTS, BodyStore, EventStore
from worker.commit.event_commit import CommitRules


class Removed(enum.Enum):
    """What became of one event that was to be removed."""

    ACKED = "acked"
    REMOVED = "removed"  # erased
    GONE = "gone"  # acked before, erased, expired, or never there
    MISSING = "missing"  # named by identity, and not there yet


class Remover:
    """Carries out acks and erases; each is safe to repeat and to race with all else.

    Its methods may raise `Unavailable` and `Unclear`; then they are to be called again.
    """

    def __init__(self, store: EventStore, bodies: BodyStore, rules: CommitRules) -> None:
        self._store = store
        self._bodies = bodies
        self._rules = rules

    async def remove(self, pack: AckPack | Removal) -> Counter[Removed]:
        """Carry out `pack`, and count what became of its events."""
        if isinstance(pack, AckPack):
            places = [Place(pack.tenant, pack.inbox, position) for position in pack.positions]
            counts: Counter[Removed] = Counter()
            for some in batches(places, MAX_STATEMENTS):
                counts.update(await self._ack(some, pack.accepted_at))
            return counts
        if not pack.erase:
            return Counter([await self._ack_identity(pack)])
        while not await self._erase_one(pack):
            pass
        return Counter([Removed.REMOVED])

    async def _ack(self, places: Sequence[Place], acked_at: int) -> list[Removed]:
        """Move the events at up to 25 places to the delivered, following those that were repositioned."""
        removed: list[Removed] = []
        while places:
            records = await self._store.read_events(places)
            moved = [
                place._replace(position=record.moved_to)
                for place, record in zip(places, records, strict=True)
                if isinstance(record, Tombstone) and record.moved_to is not None
            ]
            events = [record for record in records if self._is_listed(record)]
            refused = await self._deliver(events, acked_at)
            removed += [Removed.ACKED] * (len(events) - len(refused))
            removed += [Removed.GONE] * (len(places) - len(moved) - len(events))
            places = moved + refused
        return removed

    def _is_listed(self, record: StoredEvent | Tombstone | None) -> TypeGuard[StoredEvent]:
        return isinstance(record, StoredEvent) and record.expires_at * 1000 > self._rules.clock.wall_ms()

    async def _deliver(self, events: Sequence[StoredEvent], acked_at: int) -> list[Place]:
        """Insert `events` among the delivered and delete them from the inbox; return the places to read again."""
        if not events:
            return []
        delivered = [self._delivered(event, acked_at) for event in events]
        outcomes = await self._store.insert_events(delivered)
        if not set(outcomes) <= {Outcome.DONE, Outcome.EXISTS}:
            raise Unavailable("an ack was not taken")
        taken = [event.place for event, outcome in zip(delivered, outcomes, strict=True) if outcome is Outcome.EXISTS]
        there = await self._store.read_events(taken) if taken else []
        # A tombstone among the delivered means that the event was moved or erased after it was read.
        refused = {
            place._replace(delivered=False)
            for place, record in zip(taken, there, strict=True)
            if not isinstance(record, StoredEvent)
        }
        await self._store.remove_events([event.place for event in events if event.place not in refused])
        return sorted(refused)

    def _delivered(self, event: StoredEvent, acked_at: int) -> StoredEvent:
        return replace(
            event,
            place=event.place._replace(delivered=True),
            delivered_at=acked_at,
            expires_at=acked_at // 1000 + self._rules.event_ttl_seconds,
        )

    async def _ack_identity(self, pack: Removal) -> Removed:
        """Ack what is there of the identity. What was erased is not: the ack may be about one still under way."""
        guards = await self._store.read_guards(pack.identity)
        before = [guard for guard in guards if guard.accepted_at <= pack.accepted_at and guard.erased_at is None]
        if not before:
            return Removed.MISSING
        results = [await self._ack_guarded(guard, pack.accepted_at) for guard in before]
        return next((result for result in (Removed.MISSING, Removed.ACKED) if result in results), Removed.GONE)

    async def _ack_guarded(self, guard: Guard, acked_at: int) -> Removed:
        place = _place_of(guard)
        [removed] = await self._ack([place], acked_at)
        if removed is Removed.ACKED:
            return removed
        [delivered] = await self._store.read_events([place._replace(delivered=True)])
        return Removed.GONE if isinstance(delivered, StoredEvent) else Removed.MISSING

    async def _erase_one(self, pack: Removal) -> bool:
        """Erase one event of the identity that was accepted before the request; True when none is left.

        If there never was one, a marker keeps out those accepted before that are still under way. Every
        change names the version of the current guard, read before all others were: an event that enters
        between makes it fail, and the next round sees that event.
        """
        current = await self._store.read_guard(pack.identity)
        if current is None:
            [outcome] = await self._store.insert_guards([self._marker(pack)])
            if outcome not in (Outcome.DONE, Outcome.EXISTS):
                raise Unavailable("an erase was not taken")
            return outcome is Outcome.DONE
        guards = await self._store.read_guards(pack.identity)
        before = [guard for guard in guards if guard.accepted_at <= pack.accepted_at]
        if not before:
            return await self._store.insert_older(current, self._marker(pack))
        newest = max(before, key=lambda guard: guard.accepted_at)
        for guard in before:
            # The newest one's mark also tells those that are still under way, so it must not be an older erase's.
            if guard.erased_at is None or (guard is newest and guard.erased_at < pack.accepted_at):
                await self._store.erase(current, guard, pack.accepted_at)
                return False
        for guard in before:
            await self._bodies.delete(body_key(pack.tenant, guard.receipt))
        return True

    def _marker(self, pack: Removal) -> Guard:
        return Guard(
            identity=pack.identity,
            receipt=pack.receipt,
            position=self._rules.minter.mint(),
            accepted_at=0,  # it stands for no event, so nothing is a repeat of it
            digest="",
            expires_at=pack.accepted_at // 1000 + self._rules.guard_ttl_seconds,
            erased_at=pack.accepted_at,
        )


def _place_of(guard: Guard) -> Place:
    return Place(guard.identity.tenant, guard.identity.inbox, guard.position)
