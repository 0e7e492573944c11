"""Moves and erase: a guard moves alone, with its event, or with tombstones as well, if its version is unchanged."""

import pytest
from msgspec.structs import replace

from shared.clock import SystemClock
from shared.model.records import Guard, Outcome, Place, StoredEvent, Tombstone
from shared.ports import EventStore
from tests.contract.build import NOW_MS, Builder

_DAY_SECONDS = 86_400


async def _claim(store: EventStore, make: Builder, *, committed: bool = True) -> tuple[Guard, StoredEvent]:
    guard = make.guard()
    event = make.event(make.place(guard.position))
    assert await store.insert_guards([guard]) == [Outcome.DONE]
    if committed:
        assert await store.insert_events([event]) == [Outcome.DONE]
    return guard, event


async def _at(store: EventStore, place: Place) -> tuple[object, object]:
    """What lies at `place`, undelivered and delivered."""
    there, delivered = await store.read_events([place, place._replace(delivered=True)])
    return there, delivered


def _lasts_a_day(tombstone: object) -> bool:
    assert isinstance(tombstone, Tombstone)
    left_seconds = tombstone.expires_at - SystemClock().wall_ms() // 1000
    return _DAY_SECONDS - 600 <= left_seconds <= _DAY_SECONDS


def _is_tombstone(record: object, moved_to: str | None) -> bool:
    return isinstance(record, Tombstone) and record.moved_to == moved_to and _lasts_a_day(record)


async def test_guards_move_alone_each_on_its_version(store: EventStore, make: Builder) -> None:
    (first, event), (second, _), unclaimed = await _claim(store, make), await _claim(store, make), make.guard()
    moved = [replace(guard, position=make.position(), version=1) for guard in (first, second, unclaimed)]

    assert await store.move_guards(moved) == [Outcome.DONE, Outcome.DONE, Outcome.EXISTS]

    assert await store.read_guard(first.identity) == moved[0]
    assert await store.read_guard(second.identity) == moved[1]
    assert await store.read_guard(unclaimed.identity) is None
    assert await _at(store, event.place) == (event, None)


async def test_a_guard_that_changed_does_not_move(store: EventStore, make: Builder) -> None:
    guard, _ = await _claim(store, make)
    [moved, too_late, other] = [replace(guard, position=make.position(), version=1) for _ in range(3)]
    assert await store.move_guards([moved]) == [Outcome.DONE]

    assert await store.move_guards([too_late]) == [Outcome.EXISTS]
    another_receipt = replace(other, receipt=make.position(), version=2)
    assert await store.move_guards([another_receipt]) == [Outcome.EXISTS]

    assert await store.read_guard(guard.identity) == moved


async def test_no_guards_move_without_a_call(store: EventStore) -> None:
    assert await store.move_guards([]) == []


async def test_a_guard_moves_with_its_event_and_leaves_no_tombstones(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make, committed=False)
    moved = replace(event, place=make.place())

    assert await store.move_and_insert(guard, guard, moved)

    assert await store.read_guard(guard.identity) == replace(guard, position=moved.place.position, version=1)
    assert await _at(store, moved.place) == (moved, None)
    assert await _at(store, event.place) == (None, None)
    assert not await store.move_and_insert(guard, guard, replace(event, place=make.place()))


async def test_an_older_guard_moves_with_its_event(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make, committed=False)
    new = make.guard(guard.identity, accepted_at=NOW_MS + 1)
    assert await store.take_over(guard, new)
    current, older = replace(new, version=1), replace(guard, current=False)
    moved = replace(event, place=make.place())

    assert await store.move_and_insert(current, older, moved)

    guards = {found.receipt: found for found in await store.read_guards(guard.identity)}
    assert guards == {
        new.receipt: replace(new, version=2),
        guard.receipt: replace(older, position=moved.place.position),
    }
    assert await _at(store, moved.place) == (moved, None)


async def test_a_guard_does_not_move_to_a_place_that_is_taken(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make, committed=False)
    other = make.event()
    assert await store.insert_events([other]) == [Outcome.DONE]

    assert not await store.move_and_insert(guard, guard, replace(event, place=other.place))

    assert await store.read_guard(guard.identity) == guard
    assert await _at(store, other.place) == (other, None)


@pytest.mark.parametrize("committed", [True, False])
async def test_reposition_moves_guard_and_event_and_leaves_tombstones(
    store: EventStore, make: Builder, *, committed: bool
) -> None:
    guard, event = await _claim(store, make, committed=committed)
    moved = replace(event, place=make.place())

    assert await store.reposition(guard, guard, moved)

    assert await store.read_guard(guard.identity) == replace(guard, position=moved.place.position, version=1)
    assert await _at(store, moved.place) == (replace(moved, moved=True), None)
    there, delivered = await _at(store, event.place)
    assert _is_tombstone(there, moved.place.position)
    assert _is_tombstone(delivered, moved.place.position)


async def test_reposition_of_an_older_guard_raises_the_current_version(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make)
    new = make.guard(guard.identity, accepted_at=NOW_MS + 1)
    assert await store.take_over(guard, new)
    current, older = replace(new, version=1), replace(guard, current=False)
    moved = replace(event, place=make.place())

    assert await store.reposition(current, older, moved)

    guards = {found.receipt: found for found in await store.read_guards(guard.identity)}
    assert guards == {
        new.receipt: replace(new, version=2),
        guard.receipt: replace(older, position=moved.place.position),
    }
    assert await _at(store, moved.place) == (replace(moved, moved=True), None)


async def test_reposition_is_refused_if_the_event_was_delivered_meanwhile(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make)
    acked = replace(event, place=event.place._replace(delivered=True), delivered_at=NOW_MS)
    assert await store.insert_events([acked]) == [Outcome.DONE]
    moved = replace(event, place=make.place())

    assert not await store.reposition(guard, guard, moved)

    assert await store.read_guard(guard.identity) == guard
    assert await _at(store, event.place) == (event, acked)
    assert await _at(store, moved.place) == (None, None)


async def test_reposition_is_refused_if_the_new_place_is_taken(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make)
    other = make.event()
    assert await store.insert_events([other]) == [Outcome.DONE]

    assert not await store.reposition(guard, guard, replace(event, place=other.place))

    assert await store.read_guard(guard.identity) == guard
    assert await _at(store, event.place) == (event, None)
    assert await _at(store, other.place) == (other, None)


async def test_reposition_by_two_at_once_succeeds_for_one(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make)
    first, second = replace(event, place=make.place()), replace(event, place=make.place())

    assert await store.reposition(guard, guard, first)
    assert not await store.reposition(guard, guard, second)

    assert await _at(store, second.place) == (None, None)


async def test_a_late_insert_finds_the_tombstone_of_a_reposition(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make, committed=False)
    assert await store.reposition(guard, guard, replace(event, place=make.place()))

    assert await store.insert_events([event]) == [Outcome.EXISTS]


@pytest.mark.parametrize("committed", [True, False])
async def test_erase_marks_the_guard_and_buries_the_event(store: EventStore, make: Builder, *, committed: bool) -> None:
    guard, event = await _claim(store, make, committed=committed)

    erased = replace(guard, erased_at=NOW_MS + 7, expires_at=guard.expires_at + 9)
    assert await store.erase(guard, erased)

    assert await store.read_guard(guard.identity) == replace(erased, version=1)
    there, delivered = await _at(store, event.place)
    assert _is_tombstone(there, None)
    assert _is_tombstone(delivered, None)


async def test_erase_buries_what_was_delivered(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make)
    acked = replace(event, place=event.place._replace(delivered=True), delivered_at=NOW_MS)
    assert await store.insert_events([acked]) == [Outcome.DONE]

    assert await store.erase(guard, replace(guard, erased_at=NOW_MS))

    there, delivered = await _at(store, event.place)
    assert _is_tombstone(there, None)
    assert _is_tombstone(delivered, None)


async def test_erase_of_an_older_guard_leaves_the_current_event(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make)
    new = make.guard(guard.identity, accepted_at=NOW_MS + 1)
    assert await store.take_over(guard, new)
    newer = make.event(make.place(new.position))
    assert await store.insert_events([newer]) == [Outcome.DONE]
    current = replace(new, version=1)
    older = replace(guard, current=False, erased_at=NOW_MS, expires_at=guard.expires_at + 9)

    assert await store.erase(current, older)

    guards = {found.receipt: found for found in await store.read_guards(guard.identity)}
    assert guards == {new.receipt: replace(new, version=2), guard.receipt: older}
    assert _is_tombstone((await _at(store, event.place))[0], None)
    assert await _at(store, newer.place) == (newer, None)


async def test_a_change_of_an_older_guard_that_has_expired_changes_nothing(store: EventStore, make: Builder) -> None:
    current, event = await _claim(store, make)
    expired = replace(make.guard(current.identity), current=False)

    assert not await store.erase(current, replace(expired, erased_at=NOW_MS))
    assert not await store.move_and_insert(current, expired, replace(event, place=make.place()))

    assert await store.read_guards(current.identity) == [current]
    assert await _at(store, event.place) == (event, None)


async def test_erase_fails_once_the_event_has_moved(store: EventStore, make: Builder) -> None:
    guard, event = await _claim(store, make)
    moved = replace(event, place=make.place())
    assert await store.reposition(guard, guard, moved)

    assert not await store.erase(guard, replace(guard, erased_at=NOW_MS))

    assert await _at(store, moved.place) == (replace(moved, moved=True), None)


async def test_erase_may_be_repeated_with_a_later_time(store: EventStore, make: Builder) -> None:
    guard, _ = await _claim(store, make)
    assert await store.erase(guard, replace(guard, erased_at=NOW_MS))
    erased = await store.read_guard(guard.identity)
    assert erased is not None

    assert await store.erase(erased, replace(erased, erased_at=NOW_MS + 9))

    assert await store.read_guard(guard.identity) == replace(guard, erased_at=NOW_MS + 9, version=2)
