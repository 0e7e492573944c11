import asyncio

import pytest
from msgspec.structs import replace

from console.queues import MAX_DEAD_LETTERS, Counts, OperatorQueues, QueuePair, RedriveResult
from shared.clock import Clock, SystemClock
from shared.memory.queue import MemoryQueue
from shared.ports import Outgoing
from shared.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.waiting import until
from tests.unit.console.serving import dead_letter


def a_dlq(clock: Clock | None = None, *, receive_ms: int = 0) -> FakeQueue:
    return FakeQueue(clock, answers_at_once=True, receive_ms=receive_ms)


def queues(queue: MemoryQueue, dlq: MemoryQueue) -> OperatorQueues:
    return OperatorQueues(QueuePair(queue, dlq), Settings(), SystemClock())


async def bury(dlq: FakeQueue, count: int) -> None:
    for number in range(count):
        await dlq.send([Outgoing(body=dead_letter(f"e{number}", accepted_at=count - number))])


async def test_dead_letters_are_ordered_by_acceptance_time() -> None:
    dlq = a_dlq()
    await bury(dlq, 3)
    await dlq.send([Outgoing(body="x")])
    listed = await queues(FakeQueue(), dlq).list_dead_letters()
    assert [one.first.id if one.first else one.reason for one in listed.messages] == [
        "unreadable: unknown pack version 'x'",
        "e2",
        "e1",
        "e0",
    ]
    assert await dlq.backlog() == 4


async def test_a_list_is_limited_and_reports_that_there_are_more() -> None:
    dlq = a_dlq()
    await bury(dlq, MAX_DEAD_LETTERS + 50)
    listed = await queues(FakeQueue(), dlq).list_dead_letters()
    assert (len(listed.messages), listed.more) == (MAX_DEAD_LETTERS, True)
    assert await dlq.backlog() == MAX_DEAD_LETTERS + 50


async def test_a_full_list_without_more() -> None:
    dlq = a_dlq()
    await bury(dlq, MAX_DEAD_LETTERS)
    listed = await queues(FakeQueue(), dlq).list_dead_letters()
    assert (len(listed.messages), listed.more) == (MAX_DEAD_LETTERS, False)


async def test_concurrent_calls_share_a_list() -> None:
    dlq = a_dlq()
    await bury(dlq, 3)
    served = queues(FakeQueue(), dlq)
    lists = await asyncio.gather(served.list_dead_letters(), served.list_dead_letters(), served.list_dead_letters())
    assert [len(listed.messages) for listed in lists] == [3, 3, 3]
    assert dlq.receives == 2  # the second returned nothing


async def test_messages_made_invisible_by_a_list_are_counted_and_a_redrive_waits() -> None:
    queue, dlq = FakeQueue(), a_dlq()
    await bury(dlq, 3)
    dlq.unblocked.clear()
    served = queues(queue, dlq)
    listing = asyncio.create_task(served.list_dead_letters())
    await until(lambda: dlq.receives == 1)
    redriving = asyncio.create_task(served.redrive(["m1"]))
    assert await dlq.backlog() == 0
    assert await served.counts() == Counts(waiting=0, dead=3)
    dlq.unblocked.set()
    assert len((await listing).messages) == 3
    assert await redriving == RedriveResult(redriven=1, left=0)
    assert await served.counts() == Counts(waiting=1, dead=2)


async def test_a_search_ends_at_its_deadline_with_what_it_found() -> None:
    clock = FakeClock()
    queue, dlq = FakeQueue(clock), a_dlq(clock, receive_ms=10_000)
    await bury(dlq, 50)
    served = OperatorQueues(QueuePair(queue, dlq), Settings(), clock)
    # The deadline passes within the first two batches of ten.
    assert await served.redrive(["m1", "m11", "m21"]) == RedriveResult(redriven=2, left=1)
    assert await dlq.backlog() == 48


async def test_a_fair_queue_gets_the_tenant_as_message_group() -> None:
    queue, dlq = FakeQueue(), a_dlq()
    await bury(dlq, 1)
    served = OperatorQueues(QueuePair(queue, dlq), replace(Settings(), fair_queues=True), SystemClock())
    assert await served.redrive(["m1"]) == RedriveResult(redriven=1, left=0)
    assert [one.group for one in queue.sent] == ["acme"]


async def test_closing_cancels_a_list_and_makes_its_messages_visible() -> None:
    dlq = a_dlq()
    await bury(dlq, 1)
    dlq.unblocked.clear()
    served = queues(FakeQueue(), dlq)
    listing = asyncio.create_task(served.list_dead_letters())
    await until(lambda: dlq.receives == 1)
    closing = asyncio.create_task(served.aclose())
    await asyncio.sleep(0)
    dlq.unblocked.set()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await listing
    assert await dlq.backlog() == 1
