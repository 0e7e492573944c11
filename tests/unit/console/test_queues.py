import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from console.queues import MAX_DEAD_LETTERS, Counts, Moved, Pair, Queues
from shared.clock import SystemClock
from shared.memory.queue import MemoryQueue
from shared.model.records import Outcome
from shared.ports import Message, Outgoing
from shared.settings import Settings
from tests.manual import ManualClock
from tests.unit.console.serving import Queue, dead_letter


class Gated(Queue):
    """Receives only while open."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        received = await super().receive(limit=limit, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)
        self.asked.set()
        await self.open.wait()
        return received


class Slow(Queue):
    """Each receive takes ten seconds of a clock that stands still otherwise."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock

    async def receive(self, *, limit: int, wait_seconds: int, visibility_seconds: int) -> list[Message]:
        self.clock.advance(10)
        return await super().receive(limit=limit, wait_seconds=wait_seconds, visibility_seconds=visibility_seconds)


def queues(queue: MemoryQueue, dlq: MemoryQueue) -> Queues:
    return Queues(Pair(queue, dlq), Settings(), SystemClock())


async def bury(dlq: Queue, count: int) -> None:
    for number in range(count):
        await dlq.send([Outgoing(body=dead_letter(f"e{number}", accepted_at=count - number))])


async def test_letters_come_in_the_order_in_which_they_were_accepted() -> None:
    dlq = Queue()
    await bury(dlq, 3)
    await dlq.send([Outgoing(body="x")])
    look = await queues(Queue(), dlq).look()
    assert [one.first.id if one.first else one.reason for one in look.messages] == [
        "unreadable: unknown pack version 'x'",
        "e2",
        "e1",
        "e0",
    ]
    assert await dlq.backlog() == 4


async def test_a_look_is_bounded_and_says_so() -> None:
    dlq = Queue()
    await bury(dlq, MAX_DEAD_LETTERS + 50)
    look = await queues(Queue(), dlq).look()
    assert (len(look.messages), look.more) == (MAX_DEAD_LETTERS, True)
    assert await dlq.backlog() == MAX_DEAD_LETTERS + 50


async def test_a_full_look_is_all_there_is() -> None:
    dlq = Queue()
    await bury(dlq, MAX_DEAD_LETTERS)
    look = await queues(Queue(), dlq).look()
    assert (len(look.messages), look.more) == (MAX_DEAD_LETTERS, False)


async def test_who_looks_at_the_same_time_shares_a_look() -> None:
    dlq = Queue()
    await bury(dlq, 3)
    served = queues(Queue(), dlq)
    looks = await asyncio.gather(served.look(), served.look(), served.look())
    assert [len(look.messages) for look in looks] == [3, 3, 3]
    assert dlq.receives == 2  # the second found nothing more


async def test_what_a_look_hides_is_counted_all_the_same_and_a_redrive_waits_for_it() -> None:
    queue, dlq = Queue(), Gated()
    await bury(dlq, 3)
    dlq.open.clear()
    served = queues(queue, dlq)
    looking = asyncio.create_task(served.look())
    await dlq.asked.wait()
    redriving = asyncio.create_task(served.redrive(["m1"]))
    assert await dlq.backlog() == 0
    assert await served.counts() == Counts(waiting=0, dead=3)
    dlq.open.set()
    assert len((await looking).messages) == 3
    assert await redriving == Moved(redriven=1, left=0)
    assert await served.counts() == Counts(waiting=1, dead=2)


async def test_a_search_ends_in_time_with_what_it_found() -> None:
    clock = ManualClock()
    queue, dlq = Queue(), Slow(clock)
    await bury(dlq, 50)
    served = Queues(Pair(queue, dlq), Settings(), clock)
    # The first two lots of ten, within which the time runs out.
    assert await served.redrive(["m1", "m11", "m21"]) == Moved(redriven=2, left=1)
    assert await dlq.backlog() == 48


async def test_a_fair_queue_is_told_whose_letter_it_is() -> None:
    sent: list[Outgoing] = []

    class Watched(Queue):
        async def send(self, messages: Sequence[Outgoing]) -> list[Outcome]:
            sent.extend(messages)
            return await super().send(messages)

    dlq = Queue()
    await bury(dlq, 1)
    served = Queues(Pair(Watched(), dlq), replace(Settings(), fair_queues=True), SystemClock())
    assert await served.redrive(["m1"]) == Moved(redriven=1, left=0)
    assert [one.group for one in sent] == ["acme"]


async def test_a_close_ends_a_look_and_shows_its_letters_again() -> None:
    dlq = Gated()
    await bury(dlq, 1)
    dlq.open.clear()
    served = queues(Queue(), dlq)
    looking = asyncio.create_task(served.look())
    await dlq.asked.wait()
    closing = asyncio.create_task(served.aclose())
    await asyncio.sleep(0)
    dlq.open.set()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert await dlq.backlog() == 1
