"""Acks: they move events from the inbox to the delivered events, also after a reposition."""

import pytest
from msgspec.structs import replace

from shared.model.errors import Unavailable, Unclear
from shared.model.records import Outcome
from tests.fakes.scripted import answers, fails, loses_its_answer, meanwhile
from tests.unit.worker.commit.rig import TTL_MS, WINDOW_MS, Rig, after, counts
from worker.commit.processor import Action


def positions(rig: Rig) -> list[str]:
    return [event.place.position for event in rig.listed()]


async def move(rig: Rig) -> None:
    """Reposition the only event of the inbox, as a repair does."""
    [guard], [event] = rig.memory.guards(), rig.listed()
    to = rig.rules.minter.mint()
    moved = replace(event, place=event.place._replace(position=to))
    assert await rig.memory.reposition(guard, guard, moved)


async def test_an_ack_moves_events_to_delivered_and_renews_their_ttl() -> None:
    rig = Rig()
    await rig.store_events("a", "b")
    rig.clock.advance(3600.5)
    acks = rig.acks(positions(rig)[0])
    [disposition] = await rig.process(acks)
    assert (disposition.action, disposition.tenant, disposition.counts) == (Action.DELETE, "acme", {"acked": 1})
    assert (rig.names(), rig.names(delivered=True)) == (["b"], ["a"])
    [delivered] = rig.listed(delivered=True)
    assert delivered.delivered_at == acks.accepted_at
    assert delivered.expires_at == (acks.accepted_at + TTL_MS) // 1000


async def test_an_ack_concerns_only_events_of_its_types() -> None:
    rig = Rig()
    await rig.store_events(rig.event("a", type_="order.paid"), rig.event("b", type_="user.added"))
    assert counts(await rig.process(rig.acks(*positions(rig), types=["order.*"]))) == [{"acked": 1, "refused": 1}]
    assert (rig.names(), rig.names(delivered=True)) == (["b"], ["a"])


async def test_the_type_is_that_of_the_event_where_it_was_moved() -> None:
    rig = Rig()
    await rig.store_events(rig.event("a", type_="user.added"))
    [before] = positions(rig)
    await move(rig)
    assert counts(await rig.process(rig.acks(before, types=["order.*"]))) == [{"refused": 1}]
    assert counts(await rig.process(rig.acks(before, types=["user.added"]))) == [{"acked": 1}]


async def test_many_acks_go_25_to_a_call() -> None:
    rig = Rig()
    await rig.store_events(*(f"e{number}" for number in range(30)))
    rig.store.calls.clear()
    assert counts(await rig.process(rig.acks(*positions(rig)))) == [{"acked": 30}]
    assert rig.store.calls == ["read_events", "insert_events", "remove_events"] * 2


async def test_an_ack_is_idempotent() -> None:
    rig = Rig()
    await rig.store_events("a")
    acks = rig.acks(*positions(rig))
    await rig.process(acks)
    assert counts(await rig.process(acks)) == [{"gone": 1}]
    assert rig.names(delivered=True) == ["a"]


async def test_an_ack_of_nothing_or_of_an_expired_event_does_nothing() -> None:
    rig = Rig()
    await rig.store_events("a")
    [position] = positions(rig)
    rig.clock.advance(TTL_MS / 1000 + 1)
    assert counts(await rig.process(rig.acks(position, rig.rules.minter.mint()))) == [{"gone": 2}]
    assert rig.listed(delivered=True) == []


async def test_an_ack_interrupted_between_its_two_steps_is_completed_on_repetition() -> None:
    rig = Rig()
    await rig.store_events("a")
    acks = rig.acks(*positions(rig))
    rig.store.on("remove_events", fails(Unavailable("died")))
    assert counts(await rig.process(acks, give_up=after(1))) == [{"postponed": 1}]
    assert (rig.names(), rig.names(delivered=True)) == (["a"], ["a"])  # in both, never in neither
    assert counts(await rig.process(acks)) == [{"acked": 1}]
    assert (rig.names(), rig.names(delivered=True)) == ([], ["a"])


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.UNCLEAR])
async def test_an_unconfirmed_ack_is_retried_before_anything_is_deleted(outcome: Outcome) -> None:
    rig = Rig()
    await rig.store_events("a")
    rig.store.on("insert_events", answers(outcome))
    assert counts(await rig.process(rig.acks(*positions(rig)))) == [{"acked": 1}]
    assert rig.names(delivered=True) == ["a"]


async def test_an_unanswered_ack_is_retried() -> None:
    rig = Rig()
    await rig.store_events("a")
    rig.store.on("insert_events", loses_its_answer)
    assert counts(await rig.process(rig.acks(*positions(rig)))) == [{"acked": 1}]
    assert (rig.names(), rig.names(delivered=True)) == ([], ["a"])


async def test_an_ack_follows_a_moved_event() -> None:
    rig = Rig()
    await rig.store_events("a")
    [old] = positions(rig)
    await move(rig)
    await move(rig)
    assert counts(await rig.process(rig.acks(old))) == [{"acked": 1}]
    assert (rig.names(), rig.names(delivered=True)) == ([], ["a"])


async def test_moved_events_and_others_are_counted_together() -> None:
    rig = Rig()
    await rig.store_events("a")
    [before] = positions(rig)
    await move(rig)
    await rig.store_events("b")
    assert counts(await rig.process(rig.acks(before, positions(rig)[1]))) == [{"acked": 2}]
    assert rig.names(delivered=True) == ["a", "b"]


async def test_an_ack_completes_an_interrupted_one_beside_others_without_a_pause() -> None:
    rig = Rig()
    await rig.store_events("a", "b")
    rig.store.on("remove_events", fails(Unavailable("died")))
    await rig.process(rig.acks(positions(rig)[0]), give_up=after(1))
    rig.clock.slept_ms.clear()
    assert counts(await rig.process(rig.acks(*positions(rig)))) == [{"acked": 2}]
    assert rig.clock.slept_ms == []


async def test_an_answer_that_lacks_a_record_deletes_nothing() -> None:
    rig = Rig()
    await rig.store_events("a")
    acks = rig.acks(*positions(rig))
    rig.store.on("read_events", answers())
    [at_the_first_read] = await rig.process(acks)
    rig.store.on("insert_events", answers(Outcome.EXISTS))
    rig.store.on("read_events", meanwhile(rig.passes(0)), answers())
    [at_the_second] = await rig.process(acks)
    assert {at_the_first_read.reason, at_the_second.reason} == {"processing failed: ValueError"}
    assert rig.names() == ["a"]


async def test_the_error_names_what_the_store_did_not_insert() -> None:
    rig = Rig()
    await rig.store_events("a")
    rig.store.on("insert_events", answers(Outcome.THROTTLED))
    with pytest.raises(Unavailable, match=r"^the store did not insert acknowledged events$"):
        await rig.remover.remove(rig.acks(*positions(rig)))
    rig.store.on("insert_guards", answers(Outcome.THROTTLED))
    with pytest.raises(Unavailable, match=r"^the store did not insert the marker of an erase$"):
        await rig.remover.remove(rig.removal("never", erase=True))


async def test_an_ack_refused_by_a_tombstone_reads_again_and_follows() -> None:
    rig = Rig()
    await rig.store_events("a")
    rig.store.on("insert_events", meanwhile(lambda: move(rig)))
    assert counts(await rig.process(rig.acks(*positions(rig)))) == [{"acked": 1}]
    assert (rig.names(), rig.names(delivered=True)) == ([], ["a"])


async def test_an_ack_overtaken_by_an_erase_does_not_keep_the_event() -> None:
    rig = Rig()
    await rig.store_events("a")
    rig.store.on("insert_events", meanwhile(lambda: rig.remover.remove(rig.removal("a", erase=True))))
    assert counts(await rig.process(rig.acks(*positions(rig)))) == [{"gone": 1}]
    assert (rig.names(), rig.names(delivered=True)) == ([], [])


async def test_one_event_is_acked_by_its_identity() -> None:
    rig = Rig()
    await rig.store_events("a", "b")
    assert counts(await rig.process(rig.removal("a"))) == [{"acked": 1}]
    assert (rig.names(), rig.names(delivered=True)) == (["b"], ["a"])
    assert counts(await rig.process(rig.removal("a"))) == [{"gone": 1}]


async def test_an_ack_by_identity_reaches_the_events_of_older_guards_too() -> None:
    rig = Rig()
    await rig.store_events("a", accepted_ago_ms=WINDOW_MS)
    await rig.store_events("a")
    assert counts(await rig.process(rig.removal("a"))) == [{"acked": 1}]
    assert (rig.names(), rig.names(delivered=True)) == ([], ["a", "a"])


async def test_an_ack_by_identity_excludes_events_accepted_after_it() -> None:
    rig = Rig()
    ack = rig.removal("a", accepted_ago_ms=1)
    await rig.store_events("a")
    assert counts(await rig.process(ack)) == [{"postponed": 1}]
    assert rig.names() == ["a"]


async def test_an_ack_by_identity_of_an_event_not_yet_stored_is_postponed() -> None:
    rig = Rig()
    pack, ack = rig.pack("a"), rig.removal("a")
    [disposition] = await rig.process(ack)
    assert (disposition.action, disposition.delay_seconds, disposition.counts) == (Action.RETRY, 1, {"postponed": 1})
    await rig.process(pack)
    assert counts(await rig.process(ack, receives=2)) == [{"acked": 1}]


async def test_an_ack_by_identity_of_an_event_claimed_but_not_committed_is_postponed() -> None:
    rig = Rig()
    pack = rig.pack("a")
    rig.store.on("insert_events", fails(Unclear("died")))
    await rig.process(pack, give_up=lambda: "insert_events" in rig.store.calls)
    assert len(rig.memory.guards()) == 1
    assert counts(await rig.process(rig.removal("a"))) == [{"postponed": 1}]
    rig.start()
    await rig.process(pack)
    assert counts(await rig.process(rig.removal("a"))) == [{"acked": 1}]


async def test_an_ack_by_identity_waits_five_minutes_for_its_event() -> None:
    rig = Rig()
    ack = rig.removal("never")
    rig.clock.advance(300)
    [disposition] = await rig.process(ack, receives=9)
    assert (disposition.action, disposition.counts) == (Action.RETRY, {"postponed": 1})
    rig.clock.advance(0.001)
    [disposition] = await rig.process(ack, receives=9)
    assert (disposition.action, disposition.counts) == (Action.DELETE, {"gone": 1})


async def test_an_ack_by_identity_finds_an_event_accepted_after_an_erase() -> None:
    rig = Rig()
    await rig.process(rig.removal("a", erase=True))
    rig.clock.advance(1)
    pack, ack = rig.pack("a"), rig.removal("a")
    assert counts(await rig.process(ack)) == [{"postponed": 1}]
    await rig.process(pack)
    assert counts(await rig.process(ack)) == [{"acked": 1}]


async def test_an_ack_by_identity_of_an_erased_event_is_eventually_done() -> None:
    rig = Rig()
    await rig.store_events("a")
    await rig.process(rig.removal("a", erase=True))
    ack = rig.removal("a")
    rig.clock.advance(301)
    assert counts(await rig.process(ack)) == [{"gone": 1}]
