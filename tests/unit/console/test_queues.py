import asyncio

import pytest
from msgspec.structs import replace

from console.queues import MAX_DEAD_LETTERS, Counts, Moved, Pair, Queues
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


def queues(queue: MemoryQueue, dlq: MemoryQueue) -> Queues:
    return Queues(Pair(queue, dlq), Settings(), SystemClock())


async def bury(dlq: FakeQueue, count: int) -> None:
    for number in range(count):
        await dlq.send([Outgoing(body=dead_letter(f"e{number}", accepted_at=count - number))])


async def test_letters_come_in_the_order_in_which_they_were_accepted() -> None:
    dlq = a_dlq()
    await bury(dlq, 3)
    await dlq.send([Outgoing(body="x")])
    look = await queues(FakeQueue(), dlq).look()
    assert [one.first.id if one.first else one.reason for one in look.messages] == [
        "unreadable: unknown pack version 'x'",
        "e2",
        "e1",
        "e0",
    ]
    assert await dlq.backlog() == 4


async def test_a_look_is_bounded_and_says_so() -> None:
    dlq = a_dlq()
    await bury(dlq, MAX_DEAD_LETTERS + 50)
    look = await queues(FakeQueue(), dlq).look()
    assert (len(look.messages), look.more) == (MAX_DEAD_LETTERS, True)
    assert await dlq.backlog() == MAX_DEAD_LETTERS + 50


async def test_a_full_look_is_all_there_is() -> None:
    dlq = a_dlq()
    await bury(dlq, MAX_DEAD_LETTERS)
    look = await queues(FakeQueue(), dlq).look()
    assert (len(look.messages), look.more) == (MAX_DEAD_LETTERS, False)


async def test_who_looks_at_the_same_time_shares_a_look() -> None:
    dlq = a_dlq()
    await bury(dlq, 3)
    served = queues(FakeQueue(), dlq)
    looks = await asyncio.gather(served.look(), served.look(), served.look())
    assert [len(look.messages) for look in looks] == [3, 3, 3]
    assert dlq.receives == 2  # the second found nothing more


async def test_what_a_look_hides_is_counted_all_the_same_and_a_redrive_waits_for_it() -> None:
    queue, dlq = FakeQueue(), a_dlq()
    await bury(dlq, 3)
    dlq.unblocked.clear()
    served = queues(queue, dlq)
    looking = asyncio.create_task(served.look())
    await until(lambda: dlq.receives == 1)
    redriving = asyncio.create_task(served.redrive(["m1"]))
    assert await dlq.backlog() == 0
    assert await served.counts() == Counts(waiting=0, dead=3)
    dlq.unblocked.set()
    assert len((await looking).messages) == 3
    assert await redriving == Moved(redriven=1, left=0)
    assert await served.counts() == Counts(waiting=1, dead=2)


async def test_a_search_ends_in_time_with_what_it_found() -> None:
    clock = FakeClock()
    queue, dlq = FakeQueue(clock), a_dlq(clock, receive_ms=10_000)
    await bury(dlq, 50)
    served = Queues(Pair(queue, dlq), Settings(), clock)
    # The first two lots of ten, within which the time runs out.
    assert await served.redrive(["m1", "m11", "m21"]) == Moved(redriven=2, left=1)
    assert await dlq.backlog() == 48


async def test_a_fair_queue_is_told_whose_letter_it_is() -> None:
    queue, dlq = FakeQueue(), a_dlq()
    await bury(dlq, 1)
    served = Queues(Pair(queue, dlq), replace(Settings(), fair_queues=True), SystemClock())
    assert await served.redrive(["m1"]) == Moved(redriven=1, left=0)
    assert [one.group for one in queue.sent] == ["acme"]


async def test_a_close_ends_a_look_and_shows_its_letters_again() -> None:
    dlq = a_dlq()
    await bury(dlq, 1)
    dlq.unblocked.clear()
    served = queues(FakeQueue(), dlq)
    looking = asyncio.create_task(served.look())
    await until(lambda: dlq.receives == 1)
    closing = asyncio.create_task(served.aclose())
    await asyncio.sleep(0)
    dlq.unblocked.set()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert await dlq.backlog() == 1
