"""Positions in doubt: late and lost answers, and calls that take effect after they were given up."""

import pytest

from shared.model.errors import Unavailable, Unclear
from shared.model.records import Outcome, Tombstone
from tests.fakes.scripted import Late, answers, answers_after, fails, loses_its_answer, meanwhile, reports
from tests.unit.worker.commit.rig import SETTINGS, Rig, counts
from worker.commit.processor import Action

IN_TIME_MS = SETTINGS.commit_deadline_ms + SETTINGS.store_timeout_ms
PROOF_MS = SETTINGS.settle_ms - SETTINGS.clock_skew_ms


async def test_an_answer_in_time_counts() -> None:
    rig = Rig()
    rig.store.on("insert_events", answers_after(rig.clock, IN_TIME_MS))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "insert_events"]


async def test_a_single_claim_that_ages_while_its_insert_waits_moves() -> None:
    rig = Rig()
    rig.store.on("insert_guards", fails(Unclear("cut off")))
    rig.store.on("prepare", meanwhile(rig.passes(SETTINGS.commit_deadline_ms + 1)))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert "move_and_insert" in rig.store.calls


async def test_a_late_answer_leaves_the_position_in_doubt_and_the_event_moves() -> None:
    rig = Rig()
    rig.store.on("insert_events", answers_after(rig.clock, PROOF_MS))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    [claimed] = [record for record in rig.memory.records.values() if isinstance(record, Tombstone)][:1]
    [event], [guard] = rig.listed(), rig.memory.guards()
    assert claimed.moved_to == guard.position == event.place.position
    assert rig.store.calls.count("reposition") == 1


async def test_a_stall_between_decision_and_call_counts_even_if_the_call_is_fast() -> None:
    rig = Rig()
    rig.store.on("insert_events", meanwhile(rig.passes(PROOF_MS)))
    await rig.process(rig.pack("e"))
    assert rig.store.calls.count("reposition") == 1
    assert rig.names() == ["e"]


async def test_an_event_in_doubt_that_is_seen_before_any_reader_can_pass_it_stays() -> None:
    rig = Rig()
    rig.store.on("insert_events", answers_after(rig.clock, PROOF_MS - 1))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "insert_events", "read_events"]


async def test_setting_the_wall_clock_back_does_not_make_a_position_younger() -> None:
    rig = Rig()

    async def set_back() -> None:
        rig.clock.advance(PROOF_MS / 1000)
        rig.clock.offset_ms = -PROOF_MS

    rig.store.on("insert_events", meanwhile(set_back))
    await rig.process(rig.pack("e"))
    assert rig.store.calls.count("reposition") == 1
    assert rig.names() == ["e"]


async def test_a_late_insert_fails_on_the_tombstone() -> None:
    rig = Rig()
    late = Late()
    rig.store.on("insert_events", late)
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    before = dict(rig.memory.records)
    assert await late.arrive() == [Outcome.EXISTS]
    assert rig.memory.records == before
    assert rig.names() == ["e"]


async def test_a_late_insert_that_arrives_before_the_move_is_replaced_by_the_tombstone() -> None:
    rig = Rig()
    late = Late()
    rig.store.on("insert_events", late)
    rig.store.on("reposition", meanwhile(late.arrive))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.names() == ["e"]


async def test_a_late_claim_fails_on_the_claim_that_followed_it() -> None:
    rig = Rig()
    late = Late()
    rig.store.on("insert_guards", late)
    await rig.process(rig.pack("e"))
    assert await late.arrive() == [Outcome.EXISTS]
    assert len(rig.memory.guards()) == 1
    assert rig.names() == ["e"]


async def test_a_late_claim_that_arrives_just_before_the_next_is_recognized_as_ours() -> None:
    rig = Rig()
    late = Late()
    rig.store.on("insert_guards", late, meanwhile(late.arrive))
    await rig.process(rig.pack("e"))
    [guard], [event] = rig.memory.guards(), rig.listed()
    assert guard.position == event.place.position


async def test_a_late_move_fails_on_the_version_that_the_next_one_incremented() -> None:
    rig = Rig()
    late = Late()
    rig.store.on("insert_events", fails(Unclear("cut off")))
    rig.store.on("reposition", late)
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert await late.arrive() is False
    assert rig.names() == ["e"]


async def test_a_late_move_that_arrives_before_the_next_counts_while_it_is_young() -> None:
    rig = Rig()
    late = Late()
    rig.store.on("insert_events", fails(Unclear("cut off")))
    rig.store.on("reposition", late, meanwhile(late.arrive))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls.count("reposition") == 2  # the second failed
    assert rig.names() == ["e"]


async def test_a_claim_that_took_too_long_is_not_committed_where_it_was_made() -> None:
    rig = Rig()
    rig.store.on("insert_guards", fails(Unclear("no")), answers_after(rig.clock, SETTINGS.commit_deadline_ms + 1))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "read_guard", "insert_guards", "move_and_insert"]
    assert rig.names() == ["e"]


async def test_an_abandoned_move_leaves_every_place_in_doubt_while_it_may_still_take_effect() -> None:
    rig = Rig()
    pack = rig.pack("e")
    other = rig.commit(pack)  # at another worker: claimed, and its insert is still in flight
    claimed = other.guard_at(other.mint())
    await rig.memory.insert_guards([claimed])
    rig.clock.advance(SETTINGS.settle_ms / 1000)

    async def insert_of_the_other() -> None:
        await rig.memory.insert_events([other.stored_at(claimed.position)])

    move, as_usual = Late(), meanwhile(rig.passes(0))
    rig.store.on("reposition", move)
    rig.store.on("read_events", as_usual, as_usual, as_usual, meanwhile(insert_of_the_other))
    assert counts(await rig.process(pack)) == [{"stored": 1}]
    assert rig.store.calls.count("reposition") == 2  # although the event was found at the old place
    assert await move.arrive() is False
    assert rig.names() == ["e"]


async def test_a_move_is_checked_like_a_commit() -> None:
    rig = Rig()
    rig.store.on("insert_events", fails(Unclear("cut off")))
    rig.store.on("reposition", answers_after(rig.clock, PROOF_MS))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls.count("reposition") == 2
    assert rig.names() == ["e"]


async def test_an_event_in_doubt_that_was_acked_meanwhile_is_done() -> None:
    rig = Rig()
    pack = rig.pack("e")

    async def seen_and_acked() -> None:
        rig.clock.advance(PROOF_MS / 1000)
        await rig.remover.remove(rig.acks(rig.listed()[0].place.position))

    rig.store.on("insert_events", loses_its_answer)
    rig.store.on("read_events", meanwhile(seen_and_acked))
    assert counts(await rig.process(pack)) == [{"stored": 1}]
    assert (rig.names(), rig.names(delivered=True)) == ([], ["e"])
    assert "reposition" not in rig.store.calls


async def test_an_ack_between_the_read_and_the_move_makes_the_move_fail() -> None:
    rig = Rig()

    async def acked() -> None:
        await rig.remover.remove(rig.acks(rig.listed()[0].place.position))

    rig.store.on("insert_events", answers_after(rig.clock, PROOF_MS))
    rig.store.on("reposition", meanwhile(acked))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert (rig.names(), rig.names(delivered=True)) == ([], ["e"])


@pytest.mark.parametrize("error", [Unavailable("no"), Unclear("cut off")])
async def test_an_event_that_cannot_be_confirmed_immediately_is_read_again(error: Exception) -> None:
    rig = Rig()
    rig.store.on("insert_events", loses_its_answer)
    rig.store.on("read_events", fails(error))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert "reposition" not in rig.store.calls
    assert rig.names() == ["e"]


async def test_a_commit_of_a_single_event_without_an_answer_is_confirmed() -> None:
    rig = Rig()
    rig.store.on("insert_guards", reports(Outcome.UNCLEAR))
    rig.store.on("insert_events", loses_its_answer)
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "read_guard", "insert_events", "read_events"]


async def test_a_commit_of_a_single_event_that_is_answered_in_time_is_not_read() -> None:
    rig = Rig()
    rig.store.on("insert_guards", reports(Outcome.UNCLEAR))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "read_guard", "insert_events"]


async def test_a_throttled_commit_of_a_single_event_is_repeated_at_its_position() -> None:
    rig = Rig()
    rig.store.on("insert_guards", reports(Outcome.UNCLEAR))
    rig.store.on("insert_events", answers(Outcome.THROTTLED))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", *["read_guard", "insert_events"] * 2]


async def test_an_answer_that_lacks_a_record_is_an_error_and_confirms_nothing() -> None:
    rig = Rig()
    rig.store.on("insert_events", loses_its_answer)
    rig.store.on("read_events", answers())
    [disposition] = await rig.process(rig.pack("e"))
    assert (disposition.action, disposition.reason) == (Action.LEAVE, "processing failed: ValueError")


async def test_a_throttled_insert_leaves_its_position_unsent_so_it_can_be_used_while_young() -> None:
    rig = Rig()
    rig.store.on("insert_events", fails(Unavailable("no")))
    await rig.process(rig.pack("e"))
    assert rig.store.calls == ["insert_guards", "insert_events", "insert_events"]
    assert rig.names() == ["e"]
