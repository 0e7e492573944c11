"""The invariants that must hold at the end of a run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from shared.compression import expand
from shared.model.event import Identity
from shared.model.records import Place, StoredEvent
from shared.model.type_pattern import matches_any
from tests.simulation.settings import KEPT_MS, TTL_MS
from tests.simulation.traffic import TENANT, Accepted, kind_of
from tests.simulation.world import World


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

    def __init__(self, *, acks: bool, early: bool = False, types: tuple[str, ...] = ()) -> None:
        self.acks = acks
        self.early = early
        self.types = types
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
    """An event found in the store at the end of a run, which may have expired there."""

    receipt: str
    place: Place
    is_expired: bool


def check(world: World, sightings: Sequence[Sightings]) -> tuple[list[str], Counter[str]]:
    """Return the violations, and counts of the admitted deviations."""
    stored = list(_stored(world))
    listed = [one for one in stored if not one.is_expired]
    violations = [
        *world.violations,
        *_listed_once(listed),
        *_accepted_and_listed(world, listed),
        *_no_repeats(world, listed),
        *_guards_agree(world, listed),
        *_erased(world, listed),
        *_expired(world, stored),
        *_acked(world, listed),
        *_lifetimes(world),
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


def _stored(world: World) -> Iterator[Listed]:
    now_ms = world.services.wall_ms()
    for place, record in world.store.records.items():
        if isinstance(record, StoredEvent):
            body = (world.bodies.bodies.get(record.body_key) or _NO_BODY) if record.body_key else record.body
            receipt = _decoder.decode(expand(body)).data.r
            yield Listed(receipt=receipt, place=place, is_expired=record.expires_at * 1000 <= now_ms)


def _listed_once(listed: Sequence[Listed]) -> Iterator[str]:
    times = Counter(one.receipt for one in listed)
    yield from (f"listed {count} times: {receipt}" for receipt, count in times.items() if count > 1)


def _accepted_and_listed(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    """Every accepted event is listed, a duplicate of a listed one, erased or expired; no other event is listed."""
    receipts = {one.receipt for one in listed}
    accepted = {event.receipt for event in world.traffic.accepted}
    yield from (f"listed without being accepted: {receipt}" for receipt in sorted(receipts - accepted))
    # An event that has expired since may have had duplicates that have not.
    kept = [
        event
        for event in world.traffic.accepted
        if event.receipt in receipts or world.may_be_deleted(event.accepted_at) or _is_erased(world, event)
    ]
    for event in world.traffic.accepted:
        if not any(event is other or _repeats(event, other) for other in kept):
            yield f"lost: {event.receipt} (id {event.identity.id}, accepted at {event.accepted_at})"


def _repeats(event: Accepted, other: Accepted) -> bool:
    return event.identity == other.identity and abs(event.accepted_at - other.accepted_at) < event.window_ms


def _is_erased(world: World, event: Accepted) -> bool:
    return event.accepted_at <= world.traffic.erased.get(event.identity, -1)


def _no_repeats(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    receipts = {one.receipt for one in listed}
    kept: dict[Identity, list[Accepted]] = {}
    for event in world.traffic.accepted:
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
        if guard.erased_at is None and receipt not in places and not world.may_be_deleted(guard.accepted_at):
            yield f"a guard without its event: {receipt}"


def _erased(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    """Nothing of an erased event is left, except (decision 28) that of a duplicate while two versions run."""
    receipts = {one.receipt for one in listed}
    guarded = {guard.receipt for guard in world.store.guards()}
    for event in world.traffic.accepted:
        if event.receipt in receipts and _is_erased(world, event):
            yield f"listed though erased: {event.receipt}"
        key = f"bodies/{TENANT}/{event.receipt}"
        has_lapsed = world.services.wall_ms() - event.accepted_at >= KEPT_MS
        may_remain = has_lapsed or (world.profile.versions and event.receipt not in guarded)
        if _is_erased(world, event) and world.bodies.bodies.get(key) and not may_remain:
            yield f"an erased body is still in the bucket: {event.receipt}"


def _must_be_seen(world: World, listed: Sequence[Listed], seen: Sightings) -> set[str]:
    """Return the receipts that a follower must have seen: all listed events, except those that others acked.

    Events that have expired since may have expired before they could be read.
    """
    removed = {event.receipt for event in world.traffic.accepted if event.identity in world.traffic.acked_identities}
    others = {
        event.receipt
        for event in world.traffic.accepted
        if world.may_be_deleted(event.accepted_at) or not matches_any(seen.types, kind_of(event.identity.id))
    } | world.traffic.acked_unread
    must = {one.receipt for one in listed if not one.place.delivered or (seen.acks and one.receipt not in removed)}
    return must - others


def _expired(world: World, stored: Sequence[Listed]) -> Iterator[str]:
    old = {event.receipt for event in world.traffic.accepted if event.was_old}
    yield from (f"stored though expired: {one.receipt}" for one in stored if one.receipt in old)


def _lifetimes(world: World) -> Iterator[str]:
    """Events live from their acceptance, and again from their ack."""
    for record in world.store.records.values():
        if isinstance(record, StoredEvent):
            since_ms = record.accepted_at if record.delivered_at is None else record.delivered_at
            if record.expires_at != (since_ms + TTL_MS) // 1000:
                yield f"an event expires at {record.expires_at}, not {TTL_MS} ms after {since_ms}"
            if record.delivered_at is not None and record.delivered_at > record.accepted_at + TTL_MS + 1_000:
                yield f"acked after it had expired: {record.place.position}"


def _acked(world: World, listed: Sequence[Listed]) -> Iterator[str]:
    """Events acked by position or by identity are no longer in the inbox.

    An ack by identity concerns stored events; others of the identity may still be in flight.
    """
    undelivered = {one.receipt for one in listed if not one.place.delivered}
    delivered = {one.receipt for one in listed if one.place.delivered}
    times = Counter(event.identity for event in world.traffic.accepted)
    for event in world.traffic.accepted:
        named_at = world.traffic.acked_identities.get(event.identity, -1) if times[event.identity] == 1 else -1
        if event.receipt in undelivered and (event.receipt in world.traffic.acked or event.accepted_at <= named_at):
            yield f"in the inbox though acked: {event.receipt}"
        if event.receipt in delivered - world.traffic.acked and event.identity not in world.traffic.acked_identities:
            yield f"delivered though no key for its type acked it: {event.receipt}"
