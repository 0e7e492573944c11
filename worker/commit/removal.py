"""Acks and erases: an ack moves an event from the inbox to the delivered events, an erase removes it permanently.

An ack inserts the delivered event before it deletes the listed one, so a crash leaves an event in both places, never
in neither. Repeating the ack completes the move.
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
from shared.model.type_pattern import matches_any
from shared.ports import MAX_STATEMENTS, BodyStore, EventStore
from worker.commit.event_commit import CommitRules
from worker.commit.inbox_loads import InboxLoads


class Removed(enum.Enum):
    """The outcome of removing one event."""

    ACKED = "acked"
    REMOVED = "removed"  # erased
    REFUSED = "refused"  # of a type that the key may not ack
    GONE = "gone"  # acked before, erased, expired, or never existed
    MISSING = "missing"  # named by identity, and not found yet


class Remover:
    """Carries out acks and erases. Each is safe to repeat, and to run concurrently with any other change.

    Methods may raise `Unavailable` or `Unclear`; the caller repeats the call.
    """

    def __init__(self, store: EventStore, bodies: BodyStore, rules: CommitRules, loads: InboxLoads) -> None:
        self._loads = loads
        self._store = store
        self._bodies = bodies
        self._rules = rules

    async def remove(self, pack: AckPack | Removal) -> Counter[Removed]:
        """Carry out `pack`; return its events, counted by outcome."""
        if isinstance(pack, AckPack):
            places = [Place(pack.tenant, pack.inbox, position) for position in pack.positions]
            counts: Counter[Removed] = Counter()
            for batch in batches(places, MAX_STATEMENTS):
                counts.update(await self._ack(batch, pack.accepted_at, pack.types))
            return counts
        if not pack.erase:
            return Counter([await self._ack_identity(pack)])
        while not await self._erase_one(pack):
            pass
        return Counter([Removed.REMOVED])

    async def _ack(self, places: Sequence[Place], acked_at: int, types: Sequence[str] = ()) -> list[Removed]:
        """Move the events of `types` at up to 25 places to the delivered events, following repositioned ones."""
        removed: list[Removed] = []
        while places:
            records = await self._store.read_events(places)
            moved = [
                place._replace(position=record.moved_to)
                for place, record in zip(places, records, strict=True)
                if isinstance(record, Tombstone) and record.moved_to is not None
            ]
            listed = [record for record in records if self._is_listed(record)]
            events = [event for event in listed if matches_any(types, event.type)]
            to_read_again = await self._deliver(events, acked_at)
            removed += [Removed.ACKED] * (len(events) - len(to_read_again))
            removed += [Removed.REFUSED] * (len(listed) - len(events))
            removed += [Removed.GONE] * (len(places) - len(moved) - len(listed))
            places = moved + to_read_again
        return removed

    def _is_listed(self, record: StoredEvent | Tombstone | None) -> TypeGuard[StoredEvent]:
        return isinstance(record, StoredEvent) and not self._rules.is_past(record.expires_at)

    async def _deliver(self, events: Sequence[StoredEvent], acked_at: int) -> list[Place]:
        """Insert `events` as delivered and delete them from the inbox; return the places to read again."""
        if not events:
            return []
        delivered = [self._delivered(event, acked_at) for event in events]
        outcomes = await self._store.insert_events(delivered)
        self._loads.observe(delivered, outcomes)  # as many units as their deletion takes of the inbox's partition
        if not set(outcomes) <= {Outcome.DONE, Outcome.EXISTS}:
            raise Unavailable("the store did not insert acknowledged events")
        pairs = zip(delivered, outcomes, strict=True)
        occupied = [event.place for event, outcome in pairs if outcome is Outcome.EXISTS]
        records = await self._store.read_events(occupied) if occupied else []
        # A tombstone there means that the event was moved or erased after it was read.
        refused = {
            place._replace(delivered=False)
            for place, record in zip(occupied, records, strict=True)
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
        """Ack the stored events of the identity. Skip erased ones: the ack may refer to an event still in flight."""
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
        """Erase one event of the identity that was accepted before the request; return True once none remains.

        If none was stored, a marker keeps out earlier events that are still in flight. Every change is conditional on
        the version of the current guard, which is read before all others: an event that is claimed in between makes the
        change fail, and the next round sees that event.
        """
        current = await self._store.read_guard(pack.identity)
        if current is None:
            [outcome] = await self._store.insert_guards([self._marker(pack)])
            if outcome not in (Outcome.DONE, Outcome.EXISTS):
                raise Unavailable("the store did not insert the marker of an erase")
            return outcome is Outcome.DONE
        guards = await self._store.read_guards(pack.identity)
        before = [guard for guard in guards if guard.accepted_at <= pack.accepted_at]
        if not before:
            return await self._store.insert_older(current, self._marker(pack))
        newest = max(before, key=lambda guard: guard.accepted_at)
        for guard in before:
            # Events still in flight compare themselves with the newest mark, so an older erase's mark is renewed.
            if guard.erased_at is None or (guard is newest and guard.erased_at < pack.accepted_at):
                await self._store.erase(current, self._marked(guard, pack))
                return False
        for guard in before:
            await self._bodies.delete(body_key(pack.tenant, guard.receipt))
        return True

    def _marker(self, pack: Removal) -> Guard:
        return Guard(
            identity=pack.identity,
            receipt=pack.receipt,
            position=self._rules.minter.mint(),
            accepted_at=0,  # it represents no event, so no event is a duplicate of it
            digest="",
            expires_at=self._mark_expires_at(pack),
            erased_at=pack.accepted_at,
        )

    def _marked(self, guard: Guard, pack: Removal) -> Guard:
        """Return `guard` as the erase leaves it: kept as long as a marker, even if its event is about to expire."""
        expires_at = max(guard.expires_at, self._mark_expires_at(pack))
        return replace(guard, erased_at=pack.accepted_at, expires_at=expires_at)

    def _mark_expires_at(self, pack: Removal) -> int:
        return pack.accepted_at // 1000 + self._rules.guard_ttl_seconds


def _place_of(guard: Guard) -> Place:
    return Place(guard.identity.tenant, guard.identity.inbox, guard.position)
