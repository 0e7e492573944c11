"""The queue in memory: what SQS promises, and what it only says it may do."""

import asyncio
import random

import pytest

from shared.clock import SystemClock
from shared.memory.queue import MemoryQueue
from shared.model.pack import MAX_MESSAGE_BYTES
from shared.model.records import Outcome
from shared.ports import Message, Outgoing
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def send(queue: MemoryQueue, *bodies: str, delay_seconds: int = 0) -> None:
    messages = [Outgoing(body=body, delay_seconds=delay_seconds) for body in bodies]
    assert set(await queue.send(messages)) == {Outcome.DONE}


async def take(queue: MemoryQueue, limit: int = 10) -> list[Message]:
    return await queue.receive(limit=limit, wait_seconds=0, visibility_seconds=30)


async def bodies(queue: MemoryQueue) -> list[str]:
    return [message.body for message in await take(queue)]


async def test_messages_come_oldest_first_up_to_the_limit(clock: FakeClock) -> None:
    queue = MemoryQueue(clock)
    await send(queue, "a", "b", "c")
    assert [message.body for message in await take(queue, 2)] == ["a", "b"]
    assert await bodies(queue) == ["c"]


async def test_shuffle_changes_the_order_of_messages(clock: FakeClock) -> None:
    queue = MemoryQueue(clock, shuffle=list.reverse)
    await send(queue, "a", "b", "c")
    assert await bodies(queue) == ["c", "b", "a"]


async def test_a_received_message_is_hidden_and_comes_again(clock: FakeClock) -> None:
    queue = MemoryQueue(clock)
    await send(queue, "a")
    [first] = await take(queue)
    clock.advance(29.999)
    assert await take(queue) == []
    clock.advance(0.001)
    [second] = await take(queue)
    assert (first.receives, second.receives, first.id == second.id) == (1, 2, True)
    assert first.handle != second.handle


async def test_only_the_latest_receiver_deletes_a_message_or_changes_its_visibility(clock: FakeClock) -> None:
    queue = MemoryQueue(clock)
    await send(queue, "a")
    [first] = await take(queue)
    clock.advance(30)
    [second] = await take(queue)
    await queue.change_visibility([first], 0)
    await queue.delete([first])
    assert (await take(queue), queue.bodies) == ([], ["a"])
    await queue.delete([second])
    await queue.delete([second])
    await queue.change_visibility([second], 10)
    assert queue.bodies == []


async def test_a_message_is_hidden_from_now_on(clock: FakeClock) -> None:
    queue = MemoryQueue(clock)
    await send(queue, "a")
    [message] = await take(queue)
    clock.advance(20)
    await queue.change_visibility([message], 30)
    clock.advance(29)
    assert await take(queue) == []
    await queue.change_visibility([message], 0)
    assert await bodies(queue) == ["a"]


async def test_a_delayed_message_waits(clock: FakeClock) -> None:
    queue = MemoryQueue(clock)
    await send(queue, "a", delay_seconds=5)
    assert (await take(queue), await queue.backlog()) == ([], 0)
    clock.advance(5)
    assert (await queue.backlog(), await bodies(queue)) == (1, ["a"])


async def test_after_its_last_delivery_a_message_goes_to_the_dlq(clock: FakeClock) -> None:
    dlq = MemoryQueue(clock)
    queue = MemoryQueue(clock, dlq=dlq, max_receives=2)
    await send(queue, "a")
    for _ in range(2):
        assert await bodies(queue) == ["a"]
        clock.advance(30)
    assert await take(queue) == []
    assert (queue.bodies, dlq.bodies) == ([], ["a"])


@pytest.mark.parametrize("body", ["x" * (MAX_MESSAGE_BYTES + 1), "\uffff", "\u00e9"])
async def test_what_sqs_would_refuse_or_a_pack_never_holds_is_refused(clock: FakeClock, body: str) -> None:
    queue = MemoryQueue(clock)
    assert await queue.send([Outgoing(body=body), Outgoing(body="a")]) == [Outcome.REFUSED, Outcome.DONE]
    assert queue.bodies == ["a"]


async def test_a_message_may_be_delivered_twice_at_once(clock: FakeClock) -> None:
    queue = MemoryQueue(clock)
    await send(queue, *map(str, range(20)))
    first = {message.id for message in await take(queue)}
    queue.show_all(random.Random(1))  # noqa: S311 - a seed must replay
    clock.advance(0)
    again = {message.id for message in await queue.receive(limit=20, wait_seconds=0, visibility_seconds=30)}
    assert 0 < len(first & again) < len(first)


async def test_a_poll_ends_when_a_message_comes() -> None:
    queue = MemoryQueue(SystemClock())
    poll = asyncio.create_task(queue.receive(limit=1, wait_seconds=600, visibility_seconds=30))
    await asyncio.sleep(0)
    await send(queue, "a")
    [message] = await poll
    assert message.body == "a"


async def test_a_poll_ends_when_a_message_becomes_visible() -> None:
    queue = MemoryQueue(SystemClock())
    await send(queue, "a", delay_seconds=1)
    [message] = await queue.receive(limit=1, wait_seconds=600, visibility_seconds=30)
    assert message.body == "a"


async def test_a_poll_of_an_empty_queue_ends() -> None:
    queue = MemoryQueue(SystemClock())
    assert await queue.receive(limit=1, wait_seconds=1, visibility_seconds=30) == []
