import asyncio
import contextlib

from msgspec.structs import replace

from shared.model.errors import Unavailable
from shared.model.event import Identity
from shared.model.records import Guard, Outcome
from shared.ports import EventStore
from tests.contract.build import LATER, NOW_MS, Builder


async def _claimed(store: EventStore, guard: Guard) -> Guard:
    assert await store.insert_guards([guard]) == [Outcome.DONE]
    return guard


async def _current(store: EventStore, identity: Identity) -> Guard:
    guard = await store.read_guard(identity)
    assert guard is not None
    return guard


async def test_the_store_is_ready(store: EventStore) -> None:
    await store.ready()


async def test_a_claimed_guard_is_read_back_as_it_was(store: EventStore, make: Builder) -> None:
    guard = await _claimed(store, make.guard())

    assert await store.read_guard(guard.identity) == guard
    assert await store.read_guards(guard.identity) == [guard]


async def test_an_erased_guard_is_read_back_as_it_was(store: EventStore, make: Builder) -> None:
    guard = await _claimed(store, replace(make.guard(), erased_at=NOW_MS + 5, digest=""))

    assert await store.read_guard(guard.identity) == guard


async def test_an_unclaimed_identity_has_no_guard(store: EventStore, make: Builder) -> None:
    assert await store.read_guard(make.identity()) is None
    assert await store.read_guards(make.identity()) == []


async def test_no_guards_are_inserted_without_a_call(store: EventStore) -> None:
    assert await store.insert_guards([]) == []


async def test_each_claim_of_a_batch_fails_independently(store: EventStore, make: Builder) -> None:
    taken = await _claimed(store, make.guard())
    rival = make.guard(taken.identity)
    others = [make.guard() for _ in range(24)]

    outcomes = await store.insert_guards([*others[:10], rival, *others[10:]])

    assert outcomes == [Outcome.DONE] * 10 + [Outcome.EXISTS] + [Outcome.DONE] * 14
    assert await store.read_guard(taken.identity) == taken
    assert [await store.read_guard(other.identity) for other in others] == others


async def test_of_two_claims_of_one_identity_in_one_batch_one_succeeds(store: EventStore, make: Builder) -> None:
    first = make.guard()
    second = make.guard(first.identity)

    outcomes = await store.insert_guards([first, second])

    assert sorted(outcome.value for outcome in outcomes) == ["done", "exists"]
    assert await store.read_guard(first.identity) == [first, second][outcomes.index(Outcome.DONE)]


async def test_names_that_look_alike_when_joined_claim_different_guards(store: EventStore, make: Builder) -> None:
    tenant = make.tenant
    identities = [
        Identity(f"{tenant}#b", "default", "/", "x"),
        Identity(tenant, "default", "/", "x"),
        Identity(f"{tenant}%23b", "default", "/", "x"),
        Identity(f"{tenant}/b", "default", "/", "x"),
        Identity(tenant, "default", "/#", "x"),
        Identity(tenant, "default", "/", "#x"),
        Identity(tenant, "default", "/%23", "x"),
        Identity(tenant, "default", "/", "%23x"),
        Identity(tenant, "default", "/#x", ""),
        Identity(tenant, "default#", "/", "x"),
    ]
    guards = [make.guard(identity) for identity in identities]

    assert await store.insert_guards(guards) == [Outcome.DONE] * len(guards)
    assert [await store.read_guard(identity) for identity in identities] == guards


async def test_the_longest_names_are_claimed_like_any_other(store: EventStore, make: Builder) -> None:
    identities = [
        Identity("#" * 64, make.tenant, "#" * 255, "\U0001f600" * 255),
        Identity("#" * 64, make.tenant, "#" * 255, "\U0001f600" * 254 + "\U0001f601"),
    ]
    guards = [make.guard(identity) for identity in identities]

    assert await store.insert_guards(guards) == [Outcome.DONE, Outcome.DONE]
    assert [await store.read_guard(identity) for identity in identities] == guards


async def test_take_over_keeps_the_old_guard_under_its_receipt(store: EventStore, make: Builder) -> None:
    old = await _claimed(store, make.guard())
    new = make.guard(old.identity, accepted_at=NOW_MS + 1)

    assert await store.take_over(old, new)

    current = replace(new, version=1)
    assert await store.read_guard(old.identity) == current
    guards = {guard.receipt: guard for guard in await store.read_guards(old.identity)}
    assert guards == {old.receipt: replace(old, current=False), new.receipt: current}


async def test_take_over_by_two_at_once_succeeds_for_one(store: EventStore, make: Builder) -> None:
    old = await _claimed(store, make.guard())
    first, second = make.guard(old.identity), make.guard(old.identity)

    assert await store.take_over(old, first)
    assert not await store.take_over(old, second)

    assert {guard.receipt for guard in await store.read_guards(old.identity)} == {old.receipt, first.receipt}


async def test_many_changes_at_once_happen_one_after_another(store: EventStore, make: Builder) -> None:
    claimed = await _claimed(store, make.guard())
    older = [make.guard(claimed.identity, accepted_at=NOW_MS - 1) for _ in range(8)]

    async def enter(guard: Guard) -> None:
        # A conflict may be raised instead of answered; either way it is tried again.
        entered = False
        while not entered:
            with contextlib.suppress(Unavailable):
                entered = await store.insert_older(await _current(store, claimed.identity), guard)

    await asyncio.gather(*(enter(guard) for guard in older))

    receipts = {guard.receipt for guard in await store.read_guards(claimed.identity)}
    assert receipts == {claimed.receipt, *(guard.receipt for guard in older)}
    assert (await _current(store, claimed.identity)).version == len(older)


async def test_take_over_keeps_the_mark_of_an_erased_guard(store: EventStore, make: Builder) -> None:
    old = await _claimed(store, replace(make.guard(), erased_at=NOW_MS))

    assert await store.take_over(old, make.guard(old.identity))

    assert replace(old, current=False) in await store.read_guards(old.identity)


async def test_insert_older_adds_a_guard_and_raises_the_version(store: EventStore, make: Builder) -> None:
    current = await _claimed(store, make.guard())
    older = make.guard(current.identity, accepted_at=NOW_MS - 1)

    assert await store.insert_older(current, older)

    guards = {guard.receipt: guard for guard in await store.read_guards(current.identity)}
    assert guards == {
        current.receipt: replace(current, version=1),
        older.receipt: replace(older, current=False, version=0),
    }


async def test_insert_older_fails_once_the_version_has_risen(store: EventStore, make: Builder) -> None:
    seen = await _claimed(store, make.guard())
    first, second = (make.guard(seen.identity, accepted_at=NOW_MS - 1) for _ in range(2))

    assert await store.insert_older(seen, first)
    assert not await store.insert_older(seen, second)

    assert second.receipt not in {guard.receipt for guard in await store.read_guards(seen.identity)}


async def test_insert_older_fails_if_that_guard_exists(store: EventStore, make: Builder) -> None:
    current = await _claimed(store, make.guard())
    older = make.guard(current.identity, accepted_at=NOW_MS - 1)
    assert await store.insert_older(current, older)

    assert not await store.insert_older(await _current(store, current.identity), older)

    assert (await _current(store, current.identity)).version == 1


async def test_no_change_takes_effect_without_a_guard(store: EventStore, make: Builder) -> None:
    unclaimed = make.guard()

    assert not await store.take_over(unclaimed, make.guard(unclaimed.identity))
    assert not await store.insert_older(unclaimed, make.guard(unclaimed.identity))
    assert not await store.reposition(unclaimed, unclaimed, make.event())
    assert not await store.erase(unclaimed, replace(unclaimed, erased_at=NOW_MS))

    assert await store.read_guards(unclaimed.identity) == []


async def test_all_guards_are_read_though_they_fill_more_than_one_answer(store: EventStore, make: Builder) -> None:
    identity = make.identity()
    current = await _claimed(store, make.guard(identity))
    filler = "f" * 350_000  # four of these exceed the megabyte at which DynamoDB ends an answer
    receipts = {current.receipt}
    for _ in range(4):
        older = replace(make.guard(identity, accepted_at=NOW_MS - 1), digest=filler)
        assert await store.insert_older(await _current(store, identity), older)
        receipts.add(older.receipt)

    guards = await store.read_guards(identity)

    assert {guard.receipt for guard in guards} == receipts
    assert [guard.receipt for guard in guards if guard.current] == [current.receipt]
    assert all(guard.expires_at == LATER for guard in guards)
