"""Dead-lettering single events, and its rate limit."""

import pytest

from shared.model import pack as packs
from shared.model.errors import Unavailable, Unclear
from shared.model.records import Outcome
from shared.settings import Settings
from tests.fakes.scripted import answers, fails, loses_its_answer
from tests.unit.worker.commit.rig import Rig


def a_rig(per_minute: int = 2) -> Rig:
    return Rig(Settings(dead_letters_per_minute=per_minute))


async def test_a_dead_letter_has_its_reason_truncated() -> None:
    rig = a_rig()
    assert await rig.dead_letters.send(rig.commit(rig.pack("e")), "x" * 1000)
    [dead_letter] = await rig.dlq.receive(limit=10, wait_seconds=0, visibility_seconds=60)
    assert dead_letter.attributes == {"reason": "x" * 200}


async def test_dead_letters_per_minute_are_limited() -> None:
    rig = a_rig(per_minute=2)
    commit = rig.commit(rig.pack("e"))
    assert [await rig.dead_letters.send(commit, "why") for _ in range(4)] == [True, True, False, False]
    assert len(rig.dlq.bodies) == 2
    rig.clock.advance(60)
    assert await rig.dead_letters.send(commit, "why")


async def test_a_limit_of_zero_sends_none() -> None:
    rig = a_rig(per_minute=0)
    assert not await rig.dead_letters.send(rig.commit(rig.pack("e")), "why")
    assert not rig.dead_letters.allow()


@pytest.mark.parametrize("error", [Unavailable("no"), Unclear("cut off")])
async def test_a_failed_or_unclear_send_counts_as_not_sent(error: Exception) -> None:
    rig = a_rig()
    rig.sink.on("send", fails(error))
    assert not await rig.dead_letters.send(rig.commit(rig.pack("e")), "why")


async def test_a_dead_letter_whose_answer_was_lost_may_be_duplicated() -> None:
    rig = a_rig()
    rig.sink.on("send", loses_its_answer)
    assert not await rig.dead_letters.send(rig.commit(rig.pack("e")), "why")
    assert len(rig.dlq.bodies) == 1


async def test_a_refused_dead_letter_counts_as_not_sent() -> None:
    rig = a_rig()
    rig.sink.on("send", answers(Outcome.REFUSED))
    assert not await rig.dead_letters.send(rig.commit(rig.pack("e")), "why")


async def test_a_dead_letter_keeps_the_window_of_its_pack() -> None:
    rig = a_rig()
    assert await rig.dead_letters.send(rig.commit(rig.pack("e", window_seconds=7)), "why")
    [body] = rig.dlq.bodies
    dead_letter = packs.decode(body)
    assert isinstance(dead_letter, packs.EventPack)
    assert dead_letter.window_seconds == 7
