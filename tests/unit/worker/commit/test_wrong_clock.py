"""A worker whose clock is wrong commits nothing, and receives nothing until it is right."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.model.errors import ClockWrong
from shared.model.pack import encode
from shared.model.records import Guard, Outcome
from shared.ports import Outgoing
from shared.service_time import Reading
from tests.fakes.queue import FakeQueue
from tests.fakes.waiting import until
from tests.unit.worker.commit.rig import TTL_MS, Rig, counts
from worker.commit.consumer import Consumer
from worker.commit.processor import Action


async def test_a_wrong_clock_returns_messages_to_the_queue() -> None:
    rig = Rig()
    rig.date_answer()
    rig.clock.offset_ms = -300_000

    [disposition] = await rig.process(rig.pack("e"))

    assert (disposition.action, disposition.delay_seconds) == (Action.RETRY, 1)
    assert disposition.reason == "the clock of this worker is 300.0 s behind"
    assert rig.names() == []
    assert rig.service_time.refusals.value == 1


async def test_the_answer_to_a_claim_comes_before_the_insert(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    rig.clock.offset_ms = -300_000  # and no answer has shown it yet
    insert_guards = rig.memory.insert_guards

    async def dated(guards: Sequence[Guard]) -> list[Outcome]:
        outcomes = await insert_guards(guards)
        rig.date_answer()
        return outcomes

    monkeypatch.setattr(rig.memory, "insert_guards", dated)
    [disposition] = await rig.process(rig.pack("e"))

    assert disposition.action is Action.RETRY
    assert rig.names() == []

    rig.clock.offset_ms = 0
    await rig.store_events(rig.event("other"))
    assert rig.names() == ["other"]


async def test_a_clock_days_ahead_does_not_decide_what_has_expired() -> None:
    rig = Rig()
    rig.date_answer()
    rig.clock.offset_ms = 2 * TTL_MS

    [disposition] = await rig.process(rig.pack("e"))

    assert disposition.action is Action.RETRY


async def test_a_clock_in_doubt_does_not_decide_what_has_expired_or_never_existed() -> None:
    rig = Rig()
    expired, ack = rig.pack("e"), rig.removal("never")
    rig.clock.advance(TTL_MS / 1000 + 1)
    rig.date_answer()
    now = Reading.of(rig.clock)
    rig.service_time.observe(now.wall_ms + 300_000, now.monotonic_ms, now)  # it contradicts the first

    assert counts(await rig.process(expired, ack)) == [{"postponed": 1}, {"postponed": 1}]

    rig.date_answer()
    assert counts(await rig.process(expired, ack)) == [{"expired": 1}, {"gone": 1}]


async def test_an_event_is_not_expired_for_an_ack_because_the_clock_was_set_ahead() -> None:
    rig = Rig()
    await rig.store_events("e")
    rig.date_answer()
    [event] = rig.listed()
    rig.clock.offset_ms = 2 * TTL_MS

    with pytest.raises(ClockWrong):
        await rig.remover.remove(rig.acks(event.place.position))

    rig.clock.offset_ms = 0
    await rig.remover.remove(rig.acks(event.place.position))
    assert rig.names(delivered=True) == ["e"]


async def test_a_consumer_receives_nothing_until_the_clock_is_right() -> None:
    rig = Rig()
    queue = FakeQueue(rig.clock)
    compared = 0
    backlog = queue.backlog

    async def dated_backlog() -> int:
        nonlocal compared
        compared += 1
        if compared == 5:
            rig.clock.offset_ms = 0
        rig.date_answer()
        return await backlog()

    queue.backlog = dated_backlog  # type: ignore[method-assign]
    rig.date_answer()
    rig.clock.offset_ms = -300_000
    await queue.send([Outgoing(body=encode(rig.pack("e")))])
    consumer = Consumer(
        queue=queue, processor=rig.processor, clock=rig.clock, settings=rig.settings, service_time=rig.service_time
    )
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    await until(lambda: rig.names() == ["e"])
    stop.set()
    await running

    assert compared >= 5
