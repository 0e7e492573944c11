import asyncio

import msgspec
import pytest

from shared.dead_letters import DeadLetter, DlqPeek, Subject, dead_letter_of, payloads_of, peek_dlq, redrive
from shared.memory.queue import MemoryQueue
from shared.model.errors import Unavailable
from shared.model.event import Event
from shared.model.pack import AckPack, EventPack, Pack, Removal, encode
from shared.model.records import Outcome
from shared.ports import Message, Outgoing
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue, in_turn

BODY = msgspec.Raw(b'{"specversion":"1.0","data":"secret"}')
EVENTS = EventPack(
    tenant="acme",
    key_id="k1",
    accepted_at=1000,
    events=[Event(receipt=f"r{n}", id=f"e{n}", source="/s", inbox="i", type="t", body=BODY) for n in (1, 2)],
)
ACKS = AckPack(tenant="acme", key_id="k1", accepted_at=1000, inbox="i", positions=["p1", "p2", "p3"])
REMOVAL = Removal(tenant="acme", key_id="k1", accepted_at=1000, receipt="r", inbox="i", source="/s", id="e1")
TROUBLED = {"reason": "the store refuses the event", "traceparent": "00"}


def holding(*bodies: str) -> FakeQueue:
    return FakeQueue(holds=[Outgoing(body=body, attributes=TROUBLED) for body in bodies])


def message(pack: Pack | str, **attributes: str) -> Message:
    body = pack if isinstance(pack, str) else encode(pack)
    return Message(id="m1", body=body, handle="h1", receives=7, attributes=attributes)


def test_an_event_that_could_not_be_stored_is_described_without_its_payload() -> None:
    dead_letter = dead_letter_of(message(EVENTS, reason="the store refuses the event"), max_receives=5)

    assert dead_letter == DeadLetter(
        id="m1",
        reason="the store refuses the event",
        kind="events",
        tenant="acme",
        key_id="k1",
        accepted_at=1000,
        events=2,
        first=Subject(inbox="i", source="/s", id="e1", type="t"),
        receives=7,
    )


@pytest.mark.parametrize(
    ("pack", "kind", "events", "first"),
    [
        (EVENTS, "events", 2, Subject(inbox="i", source="/s", id="e1", type="t")),
        (ACKS, "acks", 3, None),
        (REMOVAL, "remove", 1, Subject(inbox="i", source="/s", id="e1")),
    ],
)
def test_a_pack_moved_by_the_redrive_policy_is_described_by_its_kind(
    pack: Pack, kind: str, events: int, first: Subject | None
) -> None:
    dead_letter = dead_letter_of(message(pack), max_receives=5)

    assert dead_letter.reason == "gave up after 5 deliveries"
    assert (dead_letter.kind, dead_letter.events, dead_letter.first) == (kind, events, first)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("x", "unreadable: unknown pack version 'x'"),
        ("pW10=", "unreadable: ValidationError: Expected `array` of at least length 1, got 0"),
    ],
)
def test_an_unreadable_pack_has_a_reason(body: str, reason: str) -> None:
    assert dead_letter_of(message(body), max_receives=5) == DeadLetter(id="m1", reason=reason, receives=7)


def test_payloads_are_the_events_as_they_were_accepted() -> None:
    assert payloads_of(message(EVENTS)) == [BODY, BODY]
    assert payloads_of(message(ACKS)) == []
    assert payloads_of(message("x")) == []


async def test_every_message_is_received_once_and_becomes_visible_again() -> None:
    dlq = holding(*(f"x{number}" for number in range(23)))

    async with peek_dlq(dlq) as peek:
        sizes = [len(messages) async for messages in peek.take()]
        assert await dlq.backlog() == 0

    assert sizes == [10, 10, 3]
    assert await dlq.backlog() == 23


async def test_a_redelivered_message_is_listed_once() -> None:
    dlq = holding("x1", "x2")

    async with peek_dlq(dlq) as peek:
        async for first in peek.take():
            await dlq.change_visibility(first, 0)

    assert await dlq.backlog() == 2


async def test_find_stops_at_the_last_requested_message() -> None:
    dlq = holding(*(f"x{number}" for number in range(23)))

    async with peek_dlq(dlq) as peek:
        found = await peek.find(["m2", "m12", "m2"])
        assert await dlq.backlog() == 3

    assert [one.body for one in found] == ["x1", "x11"]


async def test_an_unknown_message_is_not_found() -> None:
    async with peek_dlq(holding("x1")) as peek:
        assert await peek.find(["unknown"]) == []


async def test_a_deleted_message_does_not_reappear() -> None:
    dlq = holding("x1", "x2")

    async with peek_dlq(dlq) as peek:
        await peek.delete(await peek.find(["m1"]))

    assert dlq.bodies == ["x2"]
    assert await dlq.backlog() == 1


async def test_an_interrupt_releases_the_messages_of_the_poll_in_progress() -> None:
    dlq = FakeQueue()

    async def look(peek: DlqPeek) -> None:
        async for _ in peek.take():
            pass

    async def borrow() -> None:
        async with peek_dlq(dlq) as peek:
            await look(peek)

    looking = asyncio.create_task(borrow())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    looking.cancel()
    await asyncio.sleep(0)
    await dlq.send([Outgoing(body="x")])
    with pytest.raises(asyncio.CancelledError):
        await looking

    assert await dlq.backlog() == 1
    [received] = await dlq.receive(limit=1, wait_seconds=0, visibility_seconds=1)
    assert received.receives == 2


async def test_a_failure_to_release_messages_is_ignored() -> None:
    dlq = holding("x1")

    async with peek_dlq(dlq) as peek:
        assert [len(messages) async for messages in peek.take()] == [1]
        dlq.down = True


async def test_a_redriven_message_loses_its_reason() -> None:
    dlq, queue = holding(encode(EVENTS)), FakeQueue()

    async with peek_dlq(dlq) as peek:
        assert await redrive(peek, await peek.find(["m1"]), queue, fair=True) == 1

    assert queue.calls == [[Outgoing(body=encode(EVENTS), attributes={"traceparent": "00"}, group="acme")]]
    assert dlq.bodies == []


async def test_a_message_is_deleted_only_if_its_copy_was_sent() -> None:
    dlq = holding("x1", "x2", "x3")
    queue = FakeQueue(outcome=in_turn(Outcome.DONE, Outcome.UNCLEAR, Outcome.REFUSED))

    async with peek_dlq(dlq) as peek:
        assert await redrive(peek, await peek.find(["m1", "m2", "m3"]), queue, fair=False) == 1

    assert dlq.bodies == ["x2", "x3"]
    assert await dlq.backlog() == 2


async def test_an_interrupted_redrive_continues_when_repeated() -> None:
    dlq = holding(*(f"x{number}" for number in range(15)))
    queue = FakeQueue(outcome=in_turn(*[Outcome.DONE] * 10, Unavailable("away")))

    async def move() -> None:
        async with peek_dlq(dlq) as peek:
            async for messages in peek.take():
                await redrive(peek, messages, queue, fair=False)

    with pytest.raises(Unavailable):
        await move()
    assert len(dlq.bodies) == 5
    await move()

    assert dlq.bodies == []
    # Nothing is missing. What had been sent before its answer was lost is there twice.
    assert set(queue.bodies) == {f"x{number}" for number in range(15)}


async def test_a_call_stays_within_the_limits() -> None:
    half = "x" * 500_000
    dlq, queue = holding(half, half, half, "x", *["y"] * 10), FakeQueue()

    async with peek_dlq(dlq) as peek:
        messages = await peek.find([f"m{number}" for number in range(1, 15)])
        assert await redrive(peek, messages, queue, fair=False) == 14

    assert [len(call) for call in queue.calls] == [2, 10, 2]


async def test_redriving_nothing_makes_no_call() -> None:
    queue = FakeQueue()
    assert await redrive(DlqPeek(FakeQueue()), [], queue, fair=False) == 0
    assert queue.calls == []


async def test_received_messages_stay_invisible_for_the_requested_time() -> None:
    clock = FakeClock()
    dlq = MemoryQueue(clock)
    await dlq.send([Outgoing(body="x1")])

    peek = DlqPeek(dlq, hidden_seconds=60)
    assert await peek.find(["m1"])
    clock.advance(59)
    assert await dlq.backlog() == 0
    clock.advance(1)
    assert await dlq.backlog() == 1
