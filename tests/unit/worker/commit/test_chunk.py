"""A chunk that the store does not take at once: what is throttled is repeated together, and aged claims move."""

import asyncio

import pytest

from shared.model.errors import Unavailable, Unclear
from shared.model.records import Outcome
from tests.fakes.scripted import Effect, Step, answers, fails, loses_its_answer, meanwhile
from tests.unit.worker.commit.rig import SETTINGS, Rig, counts
from worker.commit.processor import Action

AGED_MS = SETTINGS.commit_deadline_ms + 1
THROTTLED = Outcome.THROTTLED


def names(count: int) -> list[str]:
    return [f"e{number:04}" for number in range(count)]


def limit(rig: Rig) -> float | None:
    """The current concurrency limit of chunks."""
    return rig.metrics.concurrency_limit.of().read()


def before_the_ninth_chunk(rig: Rig) -> list[str]:
    """The calls of the eight chunks that may run at once, until there was a place for another."""
    claims = [index for index, call in enumerate(rig.store.calls) if call == "insert_guards"]
    return rig.store.calls[: claims[8]]


async def test_throttled_claims_are_repeated_in_one_call() -> None:
    rig = Rig()
    rig.store.on("insert_guards", answers(*[THROTTLED] * 25), answers(*[THROTTLED] * 25))
    assert counts(await rig.process(rig.pack(*names(25)))) == [{"stored": 25}]
    assert rig.store.calls == ["insert_guards"] * 3 + ["insert_events"]


async def test_throttled_inserts_are_repeated_in_one_call_at_the_same_positions() -> None:
    rig = Rig()
    rig.store.on("insert_events", answers(*[THROTTLED] * 25), answers(*[THROTTLED] * 25))
    assert counts(await rig.process(rig.pack(*names(25)))) == [{"stored": 25}]
    assert rig.store.calls == ["insert_guards"] + ["insert_events"] * 3
    assert {guard.version for guard in rig.memory.guards()} == {0}
    assert rig.names() == names(25)


async def test_throttled_claims_that_have_aged_move_in_one_call_without_tombstones() -> None:
    rig = Rig()
    wait = meanwhile(rig.passes(AGED_MS), then=answers(*[THROTTLED] * 25))
    rig.store.on("insert_events", wait, wait)
    assert counts(await rig.process(rig.pack(*names(25)))) == [{"stored": 25}]
    again = ["move_guards", "insert_events"]
    assert rig.store.calls == ["insert_guards", "insert_events", *again, *again]
    assert {guard.position for guard in rig.memory.guards()} == {event.place.position for event in rig.listed()}
    assert len(rig.memory.records) == 25


async def test_the_age_of_a_position_counts_once_its_insert_need_not_wait() -> None:
    rig = Rig()
    rig.store.on("prepare", meanwhile(rig.passes(AGED_MS)))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "prepare", "move_guards", "insert_events"]


async def test_claims_wait_while_events_can_not_be_stored() -> None:
    rig = Rig()
    rig.store.on("prepare", *[fails(Unavailable("no layout"))] * 2)
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "prepare", "prepare", "insert_events"]


async def test_a_throttled_move_is_repeated() -> None:
    rig = Rig()
    rig.store.on("insert_events", meanwhile(rig.passes(AGED_MS), then=answers(THROTTLED)))
    rig.store.on("move_guards", answers(THROTTLED), fails(Unavailable("no")))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "insert_events", *["move_guards"] * 3, "insert_events"]


@pytest.mark.parametrize("move", [loses_its_answer, fails(Unclear("cut off"))])
async def test_a_move_without_an_answer_is_resolved(move: Step) -> None:
    rig = Rig()
    rig.store.on("insert_events", meanwhile(rig.passes(AGED_MS), then=answers(THROTTLED)))
    rig.store.on("move_guards", move)
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    [guard], [event] = rig.memory.guards(), rig.listed()
    assert guard.position == event.place.position


async def test_a_claim_that_another_worker_moved_meanwhile_is_resolved() -> None:
    rig = Rig()
    pack = rig.pack("e")
    another = rig.commit(pack)

    async def another_moves_it() -> None:
        [guard] = rig.memory.guards()
        await rig.memory.reposition(guard, guard, another.stored_at(another.mint()))

    rig.store.on("insert_events", meanwhile(rig.passes(AGED_MS), then=answers(THROTTLED)))
    rig.store.on("move_guards", meanwhile(another_moves_it))
    assert counts(await rig.process(pack)) == [{"stored": 1}]
    assert rig.names() == ["e"]
    assert rig.store.calls.count("insert_events") == 1


async def test_a_claim_whose_move_is_late_too_is_stored_in_one_transaction() -> None:
    rig = Rig()
    rig.store.on("insert_guards", meanwhile(rig.passes(AGED_MS)))
    rig.store.on("move_guards", meanwhile(rig.passes(AGED_MS)))
    rig.store.on("move_and_insert", meanwhile(rig.passes(AGED_MS)))
    assert counts(await rig.process(rig.pack("e"))) == [{"stored": 1}]
    assert rig.store.calls == ["insert_guards", "move_guards", "read_guard", "move_and_insert"]
    assert len(rig.memory.records) == 1


async def test_a_throttled_chunk_keeps_its_place_until_its_events_are_resolved() -> None:
    rig = Rig()
    running, most = 0, 0

    async def claim(effect: Effect) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        return await effect()

    async def insert(effect: Effect) -> object:
        nonlocal running
        for _ in range(20):  # let all others begin that may
            await asyncio.sleep(0)
        running -= 1
        return await effect()

    rig.store.on("insert_guards", *[claim] * 40)
    rig.store.on("insert_events", *[answers(*[THROTTLED] * 25)] * 8, *[insert] * 40)
    await rig.process(rig.pack(*names(1000)))
    assert most == 8
    assert limit(rig) == 1 + (40 - 8) // 20


@pytest.mark.parametrize(("took_ms", "expected"), [(AGED_MS - 1, 8), (AGED_MS, 7)])
async def test_a_claim_that_took_too_long_counts_as_late_although_it_had_no_answer(took_ms: int, expected: int) -> None:
    rig = Rig()
    rig.store.on("insert_guards", meanwhile(rig.passes(took_ms), then=loses_its_answer))
    await rig.process(rig.pack("e"))
    assert limit(rig) == expected


async def test_the_pauses_of_a_throttled_chunk_double_from_20_ms_to_5_s() -> None:
    rig = Rig()
    rig.store.on("insert_guards", *[answers(THROTTLED)] * 10)
    await rig.store_events("e")
    assert rig.clock.slept_ms == [20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000]


@pytest.mark.parametrize("call", ["insert_guards", "insert_events", "move_guards"])
async def test_an_answer_that_lacks_an_outcome_is_an_error(call: str) -> None:
    rig = Rig()
    rig.store.on(call, answers(Outcome.DONE))
    if call == "move_guards":
        rig.store.on("insert_guards", meanwhile(rig.passes(AGED_MS)))
    [disposition] = await rig.process(rig.pack("a", "b"))
    assert (disposition.action, disposition.reason) == (Action.LEAVE, "processing failed: ValueError")


async def test_a_late_chunk_keeps_its_place_until_its_events_are_resolved() -> None:
    rig = Rig()
    rig.store.on("insert_guards", *[meanwhile(rig.passes(AGED_MS), then=loses_its_answer)] * 8)
    await rig.process(rig.pack(*names(9 * 25)))
    assert before_the_ninth_chunk(rig).count("move_and_insert") >= 25


async def test_a_chunk_in_time_gives_up_its_place_before_its_events_are_resolved() -> None:
    rig = Rig()
    rig.store.on("insert_guards", *[loses_its_answer] * 8)
    await rig.process(rig.pack(*names(9 * 25)))
    assert before_the_ninth_chunk(rig).count("insert_events") < 25


async def test_an_error_in_the_program_does_not_count_as_late() -> None:
    rig = Rig()
    rig.store.on("insert_guards", fails(ZeroDivisionError()))
    await rig.process(rig.pack("e"))
    assert limit(rig) == 8


async def test_after_giving_up_no_chunk_begins_and_none_counts_as_late() -> None:
    rig = Rig()
    assert counts(await rig.process(rig.pack(*names(100)), give_up=lambda: True)) == [{"postponed": 100}]
    assert rig.store.calls == []
    assert limit(rig) == 8


async def test_a_throttled_chunk_gives_up() -> None:
    rig = Rig()
    rig.store.on("insert_events", *[answers(THROTTLED)] * 100)
    pack = rig.pack("e")
    assert counts(await rig.process(pack, give_up=lambda: rig.clock.now_ms > 10_000)) == [{"postponed": 1}]
    assert rig.clock.now_ms < 16_000
    rig.store.forget()
    assert counts(await rig.process(pack, receives=2)) == [{"stored": 1}]
