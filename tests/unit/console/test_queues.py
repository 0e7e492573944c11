import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from console.queues import MAX_DEAD_LETTERS, Counts, OperatorQueues, QueuePair, RedriveResult
from shared.clock import SystemClock
from shared.memory.queue import MemoryQueue
from shared.model.records import Outcome
from shared.ports import Message, Outgoing
from shared.settings import Settings
from tests.manual import ManualClock
from tests.unit.console.serving import Queue, dead_letter


class PausableQueue(Queue):
    """Returns from `receive` only while `open` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.receiving = asyncio.Event()

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        received = await super().receive(limit=limit, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)
        self.receiving.set()
        await self.open.wait()
        return received


class SlowQueue(Queue):
    """Each `receive` advances a manual clock by ten seconds."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        self.clock.advance(10)
        return await super().receive(limit=limit, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)


def queues(queue: MemoryQueue, dlq: MemoryQueue) -> OperatorQueues:
    return OperatorQueues(QueuePair(queue, dlq), Settings(), SystemClock())


async def bury(dlq: Queue, count: int) -> None:
    for number in range(count):
        await dlq.send([Outgoing(body=dead_letter(f"e{number}", accepted_at=count - number))])


async def test_dead_letters_are_ordered_by_acceptance_time() -> None:
    dlq = Queue()
    await bury(dlq, 3)
    await dlq.send([Outgoing(body="x")])
    listed = await queues(Queue(), dlq).list_dead_letters()
    assert [one.first.id if one.first else one.reason for one in listed.messages] == [
        "unreadable: unknown pack version 'x'",
        "e2",
        "e1",
        "e0",
    ]
    assert await dlq.backlog() == 4


async def test_a_list_is_limited_and_reports_that_there_are_more() -> None:
    dlq = Queue()
    await bury(dlq, MAX_DEAD_LETTERS + 50)
    listed = await queues(Queue(), dlq).list_dead_letters()
    assert (len(listed.messages), listed.more) == (MAX_DEAD_LETTERS, True)
    assert await dlq.backlog() == MAX_DEAD_LETTERS + 50


async def test_a_full_list_without_more() -> None:
    dlq = Queue()
    await bury(dlq, MAX_DEAD_LETTERS)
    listed = await queues(Queue(), dlq).list_dead_letters()
    assert (len(listed.messages), listed.more) == (MAX_DEAD_LETTERS, False)


async def test_concurrent_calls_share_a_list() -> None:
    dlq = Queue()
    await bury(dlq, 3)
    served = queues(Queue(), dlq)
    lists = await asyncio.gather(served.list_dead_letters(), served.list_dead_letters(), served.list_dead_letters())
    assert [len(listed.messages) for listed in lists] == [3, 3, 3]
    assert dlq.receives == 2  # the second returned nothing


async def test_messages_made_invisible_by_a_list_are_counted_and_a_redrive_waits() -> None:
    queue, dlq = Queue(), PausableQueue()
    await bury(dlq, 3)
    dlq.open.clear()
    served = queues(queue, dlq)
    listing = asyncio.create_task(served.list_dead_letters())
    await dlq.receiving.wait()
    redriving = asyncio.create_task(served.redrive(["m1"]))
    assert await dlq.backlog() == 0
    assert await served.counts() == Counts(waiting=0, dead=3)
    dlq.open.set()
    assert len((await listing).messages) == 3
    assert await redriving == RedriveResult(redriven=1, left=0)
    assert await served.counts() == Counts(waiting=1, dead=2)


async def test_a_search_ends_at_its_deadline_with_what_it_found() -> None:
    clock = ManualClock()
    queue, dlq = Queue(), SlowQueue(clock)
    await bury(dlq, 50)
    served = OperatorQueues(QueuePair(queue, dlq), Settings(), clock)
    # The deadline passes within the first two batches of ten.
    assert await served.redrive(["m1", "m11", "m21"]) == RedriveResult(redriven=2, left=1)
    assert await dlq.backlog() == 48


async def test_a_fair_queue_gets_the_tenant_as_message_group() -> None:
    sent: list[Outgoing] = []

    class Watched(Queue):
        async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
            sent.extend(messages)
            return await super().send(messages)

    dlq = Queue()
    await bury(dlq, 1)
    served = OperatorQueues(QueuePair(Watched(), dlq), replace(Settings(), fair_queues=True), SystemClock())
    assert await served.redrive(["m1"]) == RedriveResult(redriven=1, left=0)
    assert [one.group for one in sent] == ["acme"]


async def test_closing_cancels_a_list_and_makes_its_messages_visible() -> None:
    dlq = PausableQueue()
    await bury(dlq, 1)
    dlq.open.clear()
    served = queues(Queue(), dlq)
    listing = asyncio.create_task(served.list_dead_letters())
    await dlq.receiving.wait()
    closing = asyncio.create_task(served.aclose())
    await asyncio.sleep(0)
    dlq.open.set()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await listing
    assert await dlq.backlog() == 1
