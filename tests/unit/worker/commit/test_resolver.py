"""The rare path: an event that finds a guard, its own or another's."""

import pytest

from shared.model.errors import Unavailable
from shared.model.pack import EventPack
from shared.model.records import Outcome, Tombstone
from tests.fakes.scripted import answers, fails, loses_its_answer, meanwhile, reports
from tests.unit.worker.commit.rig import SETTINGS, WINDOW_MS, Rig, after, counts

LOST_CLAIM = reports(Outcome.UNCLEAR)


async def crash_after_the_claim(rig: Rig) -> EventPack:
    """A worker claims the event and dies; another worker gets the redelivery."""
    pack = rig.pack("e")
    rig.store.on("insert_events", answers(Outcome.THROTTLED))
    await rig.process(pack, give_up=lambda: "insert_events" in rig.store.calls)
    rig.start()
    return pack


# Claim


async def test_a_claim_without_an_answer_that_took_effect_is_ours_and_is_committed_at_its_position() -> None:
    rig = Rig()
    rig.store.on("insert_guards", LOST_CLAIM)
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    [guard], [event] = rig.memory.guards(), rig.listed()
    assert guard.position == event.place.position
    assert "reposition" not in rig.store.calls


async def test_a_claim_that_is_older_than_the_deadline_moves_before_anything_is_sent_there() -> None:
    rig = Rig()
    claim = meanwhile(rig.passes(SETTINGS.commit_deadline_ms + 1), then=LOST_CLAIM)
    rig.store.on("insert_guards", claim)
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert "insert_events" not in rig.store.calls
    [guard], [event] = rig.memory.guards(), rig.listed()
    assert guard.position == event.place.position


async def test_a_confirmed_claim_that_is_older_than_the_deadline_moves_too() -> None:
    rig = Rig()
    rig.store.on("insert_guards", meanwhile(rig.passes(SETTINGS.commit_deadline_ms + 1)))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "move_guards", "insert_events"]
    [guard], [event] = rig.memory.guards(), rig.listed()
    assert guard.position == event.place.position
    assert list(rig.memory.records.values()) == [event]  # no tombstones


async def test_a_claim_at_the_deadline_is_still_committed() -> None:
    rig = Rig()
    rig.store.on("insert_guards", meanwhile(rig.passes(SETTINGS.commit_deadline_ms)))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "insert_events"]


# Compare


@pytest.mark.parametrize("ago_ms", [WINDOW_MS - 1, 0, -(WINDOW_MS - 1)])
async def test_an_event_accepted_within_the_window_of_the_guard_is_a_duplicate(ago_ms: int) -> None:
    rig = Rig()
    await rig.store_events("e")
    assert counts(await rig.process(rig.pack("e", accepted_ago_ms=ago_ms))) == [{"duplicate": 1}]
    assert rig.names() == ["e"]


@pytest.mark.parametrize("ago_ms", [WINDOW_MS, -WINDOW_MS])
async def test_an_event_accepted_a_window_before_or_after_the_guard_is_a_new_event(ago_ms: int) -> None:
    rig = Rig()
    await rig.store_events("e")
    assert counts(await rig.process(rig.pack("e", accepted_ago_ms=ago_ms))) == [{"stored": 1}]
    assert rig.names() == ["e", "e"]


async def test_acceptance_times_are_compared_never_the_present() -> None:
    rig = Rig()
    await rig.store_events("e")
    repeat = rig.pack("e")
    rig.clock.advance(10 * WINDOW_MS / 1000)  # it was queued for a long time
    assert counts(await rig.process(repeat)) == [{"duplicate": 1}]


async def test_a_conflicting_repeat_is_counted_as_a_conflict() -> None:
    rig = Rig()
    await rig.store_events(rig.event("e", data={"total": 1}))
    assert counts(await rig.process(rig.pack(rig.event("e", data={"total": 2})))) == [{"conflict": 1}]
    assert rig.names() == ["e"]


async def test_a_later_event_takes_the_guard_over_and_the_old_one_is_kept_under_its_receipt() -> None:
    rig = Rig()
    first = await rig.store_events("e", accepted_ago_ms=WINDOW_MS)
    second = await rig.store_events("e")
    guards = {guard.receipt: guard.current for guard in rig.memory.guards()}
    assert guards == {first.events[0].receipt: False, second.events[0].receipt: True}


async def test_a_redelivery_of_an_event_whose_guard_was_taken_over_is_not_listed_again() -> None:
    rig = Rig()
    first = await rig.store_events("e", accepted_ago_ms=WINDOW_MS)
    await rig.store_events("e")
    rig.start()
    assert counts(await rig.process(first, receives=2)) == [{"stored": 1}]
    assert len(rig.names()) == 2


async def test_an_earlier_event_inserts_its_guard_beside_the_current_one() -> None:
    rig = Rig()
    current = await rig.store_events("e")
    older = await rig.store_events("e", accepted_ago_ms=WINDOW_MS)
    guards = {guard.receipt: guard.current for guard in rig.memory.guards()}
    assert guards == {current.events[0].receipt: True, older.events[0].receipt: False}


async def test_an_earlier_event_is_compared_with_every_older_guard() -> None:
    rig = Rig()
    agos = (0, 2 * WINDOW_MS, 3 * WINDOW_MS - 1, WINDOW_MS + 1, WINDOW_MS)
    packs = [rig.pack("e", accepted_ago_ms=ago) for ago in agos]
    results = [counts(await rig.process(pack))[0] for pack in packs]
    assert results == [{"stored": 1}, {"stored": 1}, {"duplicate": 1}, {"duplicate": 1}, {"stored": 1}]
    assert len(rig.names()) == 3


async def test_an_older_guard_whose_event_was_never_committed_gets_it() -> None:
    rig = Rig()
    await rig.store_events("e")
    older = rig.pack("e", accepted_ago_ms=WINDOW_MS)
    rig.store.on("insert_events", fails(Unavailable("no")))
    assert counts(await rig.process(older, give_up=after(2))) == [{"postponed": 1}]
    assert len(rig.memory.guards()) == 2
    rig.start()
    assert counts(await rig.process(older, receives=2)) == [{"stored": 1}]
    assert rig.names() == ["e", "e"]


async def test_a_guard_that_changed_since_it_was_read_is_read_again() -> None:
    rig = Rig()
    await rig.store_events("e", accepted_ago_ms=3 * WINDOW_MS)
    mine = rig.pack("e")

    rig.store.on("take_over", meanwhile(lambda: rig.store_events("e", accepted_ago_ms=WINDOW_MS)))
    assert counts(await rig.process(mine)) == [{"stored": 1}]
    assert rig.store.calls.count("take_over") == 3  # one failed
    assert len(rig.names()) == 3


async def test_a_guard_that_appears_between_reading_and_claiming_is_compared() -> None:
    rig = Rig()
    rig.store.on("insert_guards", answers(Outcome.THROTTLED), meanwhile(lambda: rig.store_events("e")))
    assert counts(await rig.process(rig.pack("e"))) == [{"duplicate": 1}]
    assert rig.names() == ["e"]


# Repair


async def test_an_event_claimed_but_not_committed_by_a_dead_worker_is_moved_and_listed() -> None:
    rig = Rig()
    pack = await crash_after_the_claim(rig)
    [claimed] = rig.memory.guards()
    assert counts(await rig.process(pack, receives=2)) == [{"stored": 1}]
    [event], [guard] = rig.listed(), rig.memory.guards()
    assert event.place.position == guard.position > claimed.position
    assert rig.names() == ["e"]


async def test_a_position_is_minted_once_its_insert_need_not_wait() -> None:
    rig = Rig()
    pack = await crash_after_the_claim(rig)
    rig.store.on("prepare", meanwhile(rig.passes(SETTINGS.commit_deadline_ms + 1)))
    assert counts(await rig.process(pack, receives=2)) == [{"stored": 1}]
    assert rig.store.calls.count("prepare") == rig.store.calls.count("reposition") == 1


async def test_a_foreign_position_is_read_only_after_settle() -> None:
    rig = Rig()
    pack = await crash_after_the_claim(rig)
    claimed_ms = rig.clock.now_ms
    await rig.process(pack, receives=2)
    assert rig.clock.now_ms == claimed_ms + SETTINGS.settle_ms


async def test_a_position_older_than_settle_is_read_immediately() -> None:
    rig = Rig()
    pack = await crash_after_the_claim(rig)
    rig.clock.advance(SETTINGS.settle_ms / 1000)
    before_ms = rig.clock.now_ms
    await rig.process(pack, receives=2)
    assert rig.clock.now_ms == before_ms


async def test_an_event_committed_by_another_worker_during_the_wait_is_not_moved() -> None:
    rig = Rig()
    pack = rig.pack("e")
    first = rig.commit(pack)
    await rig.memory.insert_guards([first.guard_at(position := first.mint())])
    rig.store.on("read_events", meanwhile(lambda: rig.memory.insert_events([first.stored_at(position)])))
    assert counts(await rig.process(pack)) == [{"stored": 1}]
    assert [event.place.position for event in rig.listed()] == [position]


async def test_an_acked_event_is_not_restored() -> None:
    rig = Rig()
    pack = await rig.store_events("e")
    await rig.process(rig.acks(rig.listed()[0].place.position))
    rig.start()
    assert counts(await rig.process(pack, receives=2)) == [{"stored": 1}]
    assert (rig.names(), rig.names(delivered=True)) == ([], ["e"])


async def test_an_erased_event_is_not_restored() -> None:
    rig = Rig()
    pack = await rig.store_events("e")
    await rig.process(rig.removal("e", erase=True))
    rig.start()
    assert counts(await rig.process(pack, receives=2)) == [{"erased": 1}]
    assert rig.names() == []


# Reposition


async def test_a_move_leaves_tombstones_at_the_old_position_in_the_inbox_and_in_delivered() -> None:
    rig = Rig()
    pack = await crash_after_the_claim(rig)
    [claimed] = rig.memory.guards()
    await rig.process(pack, receives=2)
    [event] = rig.listed()
    stones = [record for record in rig.memory.records.values() if isinstance(record, Tombstone)]
    assert {stone.place for stone in stones} == {
        rig.place(claimed.position),
        rig.place(claimed.position, delivered=True),
    }
    assert {stone.moved_to for stone in stones} == {event.place.position}


async def test_a_move_without_an_answer_that_took_effect_is_confirmed() -> None:
    rig = Rig()
    pack = await crash_after_the_claim(rig)
    rig.store.on("reposition", loses_its_answer)
    assert counts(await rig.process(pack, receives=2)) == [{"stored": 1}]
    assert rig.store.calls.count("reposition") == 1
    assert rig.names() == ["e"]


async def test_an_event_moved_by_another_worker_during_the_wait_is_found_at_its_new_position() -> None:
    rig = Rig()
    pack = await crash_after_the_claim(rig)
    another = rig.commit(pack)
    [guard] = rig.memory.guards()

    async def another_moves_it() -> None:
        await rig.memory.reposition(guard, guard, another.stored_at(another.mint()))

    rig.store.on("read_events", meanwhile(another_moves_it))
    assert counts(await rig.process(pack, receives=2)) == [{"stored": 1}]
    assert rig.store.calls.count("reposition") == 0
    assert rig.names() == ["e"]


async def test_a_failed_move_is_retried() -> None:
    rig = Rig()
    pack = await crash_after_the_claim(rig)

    async def false(_: object) -> bool:
        return False

    rig.store.on("reposition", false, fails(Unavailable("conflict")))
    assert counts(await rig.process(pack, receives=2)) == [{"stored": 1}]
    assert rig.store.calls.count("reposition") == 3
    assert rig.names() == ["e"]


# The window of the pack


@pytest.mark.parametrize(("window_seconds", "listed"), [(None, 2), (3 * WINDOW_MS // 1000, 1), (1, 2)])
async def test_the_window_of_the_pack_applies(window_seconds: int | None, listed: int) -> None:
    rig = Rig()
    await rig.process(rig.pack("e", window_seconds=window_seconds))
    rig.clock.advance(2 * WINDOW_MS / 1000)
    await rig.process(rig.pack("e", window_seconds=window_seconds))
    assert len(rig.listed()) == listed


async def test_a_guard_outlives_the_window_of_its_pack() -> None:
    rig = Rig()
    days = 10 * SETTINGS.event_ttl_days
    await rig.process(rig.pack("e", window_seconds=days * 86_400))
    [guard] = rig.memory.guards()
    assert guard.expires_at >= guard.accepted_at // 1000 + (days + 1) * 86_400
