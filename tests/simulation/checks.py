"""The invariants that must hold at the end of a run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from shared.compression import expand
from shared.model.event import Identity
from shared.model.records import Place, StoredEvent
from tests.simulation.world import TENANT, Accepted, World


class _Data(msgspec.Struct, frozen=True):
    r: str  # the receipt


class _Seen(msgspec.Struct):
    data: _Data = _Data(r="")
    position: str = ""
    dataerror: str = ""


_NO_BODY = b'{"data":{"r":"a body that is gone"}}'
_decoder = msgspec.json.Decoder(_Seen)


class Sightings:
    """What one follower has read, in order. An early one reads events before they have settled."""

    def __init__(self, *, acks: bool, early: bool = False) -> None:
        self.acks = acks
        self.early = early
        self.are_pages_in_order = True
        self.receipts: Counter[str] = Counter()
        self.positions: list[str] = []
        self.without_body: list[str] = []

    def add(self, events: Iterable[bytes]) -> dict[str, str]:
        """Add one page; return its receipts by position."""
        decoded = list(map(_decoder.decode, events))
        self.without_body += [event.position for event in decoded if event.dataerror]
        seen = {event.position: event.data.r for event in decoded}
        self.are_pages_in_order &= list(seen) == sorted(seen)
        self.receipts.update(seen.values())
        self.positions += seen
        return seen


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An event found in the store at the end of a run."""

    receipt: str
    place: Place


def check(world: World, sightings: Sequence[Sightings]) -> tuple[list[str], Counter[str]]:
    """Return the violations, and counts of the admitted deviations."""
    listed = list(_listed(world))
    violations = [
        *_listed_once(listed),
        *_accepted_and_listed(world, listed),
        *_no_repeats(world, listed),
        *_guards_agree(world, listed),
        *_erased(world, listed),
        *_expired(world, listed),
        *_acked(world, listed),
    ]
    admitted: Counter[str] = Counter()
    for seen in sightings:
        violations += [f"a follower got an event without its body: {position}" for position in seen.without_body]
        positions = seen.positions
        if not seen.are_pages_in_order or (not seen.early and positions != sorted(set(positions))):
            violations.append("a follower saw positions out of order")
        twice = [receipt for receipt, times in seen.receipts.items() if times > 1]
        missed = sorted(_must_be_seen(world, listed, seen) - set(seen.receipts))
        for what, receipts, is_admitted in (
            ("seen twice", twice, world.may_repeat),
            ("missed", missed, world.profile.may_miss),
        ):
            if is_admitted:
                admitted[what] += len(receipts)
            else:
                violations += [f"{what} by a follower: {receipt}" for receipt in receipts]
    return violations, admitted


def _listed(world: World) -> Iterator[Listed]:
    for place, record in world.store.records.items():
        if isinstance(record, StoredEvent):
            body = (world.bodies.bodies.get(record.body_key) or _NO_BODY) if record.body_key else record.body
            yield Listed(receipt=_decoder.decode(expand(body)).data.r, place=place)


def _listed_once(listed: Sequence[Listed]) -> Iterator[str]:
    times = Counter(one.receipt for one in listed)
    yield from (f"listed {count} times: {receipt}" for receipt, count in times.items() if count > 1)


def _accepted_and_listed(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    """Every accepted event is listed, a duplicate of a listed one, erased or expired; no other event is listed."""
    receipts = {one.receipt for one in listed}
    accepted = {event.receipt for event in world.accepted}
    yield from (f"listed without being accepted: {receipt}" for receipt in sorted(receipts - accepted))
    kept = [event for event in world.accepted if event.receipt in receipts or _is_erased(world, event)]
    for event in world.accepted:
        if event.receipt in receipts or event.is_old or _is_erased(world, event):
            continue
        if not any(_repeats(event, other) for other in kept):
            yield f"lost: {event.receipt} (id {event.identity.id}, accepted at {event.accepted_at})"


def _repeats(event: Accepted, other: Accepted) -> bool:
    return event.identity == other.identity and abs(event.accepted_at - other.accepted_at) < event.window_ms


def _is_erased(world: World, event: Accepted) -> bool:
    return event.accepted_at <= world.erased.get(event.identity, -1)


def _no_repeats(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    receipts = {one.receipt for one in listed}
    kept: dict[Identity, list[Accepted]] = {}
    for event in world.accepted:
        if event.receipt in receipts:
            kept.setdefault(event.identity, []).append(event)
    for events in kept.values():
        ordered = sorted(events, key=lambda event: event.accepted_at)
        for earlier, later in pairwise(ordered):
            if later.accepted_at - earlier.accepted_at < later.window_ms:
                yield f"a duplicate is listed: {later.receipt} of {earlier.receipt}"


def _guards_agree(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    """Every listed event is at its guard's position, and every guard that is not erased has its event."""
    places = {one.receipt: one.place for one in listed}
    guards = {guard.receipt: guard for guard in world.store.guards()}
    for receipt, place in places.items():
        guard = guards.get(receipt)
        if guard is None or guard.position != place.position:
            yield f"not at its guard's position: {receipt}"
    for receipt, guard in guards.items():
        if guard.erased_at is None and receipt not in places:
            yield f"a guard without its event: {receipt}"


def _erased(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    receipts = {one.receipt for one in listed}
    for event in world.accepted:
        if event.receipt in receipts and _is_erased(world, event):
            yield f"listed though erased: {event.receipt}"
        key = f"bodies/{TENANT}/{event.receipt}"
        if _is_erased(world, event) and world.bodies.bodies.get(key):
            yield f"an erased body is still in the bucket: {event.receipt}"


def _must_be_seen(world: World, listed: Sequence[Listed], seen: Sightings) -> set[str]:
    """Return the receipts that a follower must have seen: all listed events, except those that others acked."""
    removed = {event.receipt for event in world.accepted if event.identity in world.acked_identities}
    return {one.receipt for one in listed if not one.place.delivered or (seen.acks and one.receipt not in removed)}


def _expired(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    old = {event.receipt for event in world.accepted if event.is_old}
    yield from (f"listed though expired: {one.receipt}" for one in listed if one.receipt in old)


def _acked(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    """Events acked by position or by identity are no longer in the inbox.

    An ack by identity concerns stored events; others of the identity may still be in flight.
    """
    undelivered = {one.receipt for one in listed if not one.place.delivered}
    delivered = {one.receipt for one in listed if one.place.delivered}
    times = Counter(event.identity for event in world.accepted)
    for event in world.accepted:
        named_at = world.acked_identities.get(event.identity, -1) if times[event.identity] == 1 else -1
        if event.receipt in undelivered and (event.receipt in world.acked or event.accepted_at <= named_at):
            yield f"in the inbox though acked: {event.receipt}"
        if event.receipt in delivered - world.acked and event.identity not in world.acked_identities:
            yield f"delivered though no key for its type acked it: {event.receipt}"
