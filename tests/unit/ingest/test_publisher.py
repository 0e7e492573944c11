import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from msgspec.structs import replace

from ingest.publisher import Publisher
from shared import pack
from shared.errors import TooLarge, Unavailable, Unclear
from shared.event import Event
from shared.pack import EventPack
from shared.ports import Outgoing
from shared.records import Outcome
from shared.settings import Settings
from tests.manual import START_MS, HandQueue, ManualClock, until


def an_event(name: str = "e", body: bytes = b"{}") -> Event:
    return Event(receipt=f"r-{name}", id=name, source="/", inbox="default", type="t", body=msgspec.Raw(body))


def noise(size: int) -> bytes:
    """Return a JSON string of about `size` bytes that zstd can hardly shrink."""
    return b'"' + base64.b64encode(os.urandom(size * 3 // 4)) + b'"'


def packs_of(queue: HandQueue) -> list[EventPack]:
    packs = [pack.decode(message.body) for message in queue.messages]
    return [each for each in packs if isinstance(each, EventPack)]


def names_of(queue: HandQueue) -> list[list[str]]:
    return [[event.id for event in each.events] for each in packs_of(queue)]


class World:
    def __init__(self, settings: Settings) -> None:
        self.queue = HandQueue()
        self.publisher = Publisher(self.queue, settings, ManualClock())
        self.tasks: list[asyncio.Task[None]] = []

    def post(self, *names: str, tenant: str = "t", key_id: str = "k", body: bytes = b"{}") -> asyncio.Task[None]:
        events = [an_event(name, body) for name in names]
        task = asyncio.create_task(self.publisher.publish(tenant, key_id, events))
        self.tasks.append(task)
        return task

    async def occupy(self) -> None:
        """Hold a call in flight, so that what follows is drafted. For one send at a time."""
        self.queue.gate.clear()
        self.post("first")
        await until(lambda: self.queue.in_flight == 1)


Make = Callable[..., World]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    worlds: list[World] = []

    def make(**changes: object) -> World:
        worlds.append(World(replace(Settings(), **changes)))
        return worlds[-1]

    yield make
    for world in worlds:
        world.queue.gate.set()
        await world.publisher.aclose()
        await asyncio.gather(*world.tasks, return_exceptions=True)


async def test_one_request_goes_out_at_once_as_one_pack(make: Make) -> None:
    world = make()
    await world.post("a", "b")
    (sent,) = packs_of(world.queue)
    assert (sent.tenant, sent.key_id, sent.accepted_at) == ("t", "k", START_MS)
    assert [(event.id, event.receipt, bytes(event.body)) for event in sent.events] == [
        ("a", "r-a", b"{}"),
        ("b", "r-b", b"{}"),
    ]


async def test_a_request_is_answered_only_when_its_pack_is_confirmed(make: Make) -> None:
    world = make()
    world.queue.gate.clear()
    posting = world.post("a")
    await until(lambda: world.queue.in_flight == 1)
    assert not posting.done()
    world.queue.gate.set()
    await posting


async def test_requests_that_come_while_all_sends_are_in_flight_share_the_next_pack(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    posting = [world.post(str(number)) for number in range(50)]
    await asyncio.sleep(0)
    world.queue.gate.set()
    await asyncio.gather(*posting)
    assert names_of(world.queue) == [["first"], [str(number) for number in range(50)]]


async def test_no_more_calls_are_in_flight_than_set(make: Make) -> None:
    world = make(queue_sends=3)
    world.queue.gate.clear()
    posting = []
    for number in range(20):
        posting.append(world.post(str(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert world.queue.in_flight == 3
    world.queue.gate.set()
    await asyncio.gather(*posting)
    assert world.queue.most_in_flight == 3


async def test_tenants_and_keys_never_share_a_pack_but_share_a_call(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    owners = [("a#b", "k"), ("a", "k"), ("a", "l"), ("a#b", "k")]
    posting = [world.post(str(number), tenant=t, key_id=k) for number, (t, k) in enumerate(owners)]
    await asyncio.sleep(0)
    world.queue.gate.set()
    await asyncio.gather(*posting)
    assert len(world.queue.calls) == 2
    shared = [(each.tenant, each.key_id, [event.id for event in each.events]) for each in packs_of(world.queue)[1:]]
    assert shared == [("a#b", "k", ["0", "3"]), ("a", "k", ["1"]), ("a", "l", ["2"])]


async def test_a_call_carries_no_more_than_ten_packs(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    posting = [world.post("e", tenant=str(number)) for number in range(25)]
    await asyncio.sleep(0)
    world.queue.gate.set()
    await asyncio.gather(*posting)
    assert [len(call) for call in world.queue.calls] == [1, 10, 10, 5]


async def test_a_call_carries_no_more_than_a_mebibyte_and_a_pack_no_more_than_fits(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    posting = [world.post(str(number), tenant=str(number % 3), body=noise(300_000)) for number in range(12)]
    await asyncio.sleep(0)
    world.queue.gate.set()
    await asyncio.gather(*posting)
    for call in world.queue.calls:
        assert sum(len(message.body) for message in call) <= pack.MAX_MESSAGE_BYTES
    assert sorted(name for names in names_of(world.queue) for name in names) == sorted(["first", *map(str, range(12))])


async def test_the_largest_request_fits_a_message(make: Make) -> None:
    world = make()
    await world.post("a", body=noise(512 * 1024))
    assert pack.MAX_PLAIN_BYTES > 512 * 1024
    assert len(world.queue.messages[0].body) <= pack.MAX_MESSAGE_BYTES


async def test_a_request_larger_than_a_shared_pack_gets_one_of_its_own(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    repeated = b'"' + b"x" * 1000 + b'"'  # as long names in small events are, it shrinks well
    posting = [
        world.post("small"),
        world.post(*(f"big-{number}" for number in range(1000)), body=repeated),
        world.post("other"),
    ]
    await asyncio.sleep(0)
    world.queue.gate.set()
    await asyncio.gather(*posting)
    assert sorted(len(names) for names in names_of(world.queue)) == [1, 1, 1, 1000]


async def test_a_pack_that_no_message_holds_is_too_large(make: Make) -> None:
    world = make()
    with pytest.raises(TooLarge):
        await world.post("a", body=noise(1_200_000))
    await world.post("b")
    assert names_of(world.queue) == [["b"]]


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNCLEAR, Outcome.THROTTLED])
async def test_a_pack_that_is_not_confirmed_fails_its_own_requests_alone(make: Make, outcome: Outcome) -> None:
    world = make(queue_sends=1)
    await world.occupy()

    def refuse_b(message: Outgoing) -> Outcome:
        sent = pack.decode(message.body)
        return outcome if sent.tenant == "b" else Outcome.DONE

    world.queue.outcome = refuse_b
    posting = [world.post(str(number), tenant="ab"[number % 2]) for number in range(6)]
    await asyncio.sleep(0)
    world.queue.gate.set()
    results = await asyncio.gather(*posting, return_exceptions=True)
    assert [isinstance(result, Unavailable) for result in results] == [False, True] * 3


@pytest.mark.parametrize("error", [Unavailable("no"), Unclear("cut off"), TimeoutError()])
async def test_a_call_that_fails_fails_the_requests_in_it_and_no_later_one(make: Make, error: Exception) -> None:
    world = make()
    world.queue.error = error
    with pytest.raises(Unavailable):
        await world.post("a")
    world.queue.error = None
    await world.post("b")


async def test_an_unexpected_error_reaches_the_request(make: Make) -> None:
    world = make()
    world.queue.error = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        await world.post("a")
    world.queue.error = None
    await world.post("b")


async def test_a_queue_that_hangs_is_unavailable_after_the_timeout(make: Make) -> None:
    world = make(queue_timeout_ms=100)
    world.queue.gate.clear()
    with pytest.raises(Unavailable):
        await world.post("a")


async def test_a_request_that_is_cancelled_neither_loses_nor_stalls_the_others(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    posting = [world.post(name) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    posting[1].cancel()
    world.queue.gate.set()
    await asyncio.gather(posting[0], posting[2], world.tasks[0])
    assert posting[1].cancelled()
    assert names_of(world.queue)[1] == ["a", "b", "c"]


async def test_a_cancelled_request_whose_call_fails_harms_nothing(make: Make) -> None:
    world = make()
    world.queue.gate.clear()
    posting = world.post("a")
    await until(lambda: world.queue.in_flight == 1)
    posting.cancel()
    world.queue.error = Unavailable("no")
    world.queue.gate.set()
    await asyncio.gather(posting, return_exceptions=True)
    world.queue.error = None
    await world.post("b")


async def test_past_the_bound_of_events_requests_are_refused_until_there_is_room(make: Make) -> None:
    world = make(queue_sends=1, buffer_events=1000)
    await world.occupy()
    waiting = world.post(*map(str, range(999)))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await world.post("over")
    world.queue.gate.set()
    await waiting
    await world.post("later")


async def test_past_the_bound_of_bytes_requests_are_refused(make: Make) -> None:
    world = make(queue_sends=1, buffer_bytes=1_048_576)
    await world.occupy()
    world.post("a", body=noise(500_000))
    world.post("b", body=noise(500_000))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await world.post("c", body=noise(100_000))


async def test_an_empty_buffer_takes_any_request(make: Make) -> None:
    world = make(buffer_bytes=1_048_576)
    await world.post(*map(str, range(1000)), body=b'"' + b"x" * 1100 + b'"')


async def test_what_failed_no_longer_counts_against_the_bounds(make: Make) -> None:
    world = make(buffer_events=1000)
    world.queue.error = Unavailable("no")
    for _ in range(5):
        with pytest.raises(Unavailable):
            await world.post(*map(str, range(900)))


async def test_closing_sends_what_is_drafted_and_takes_no_more(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    drafted = [world.post(str(number), tenant=str(number)) for number in range(15)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(world.publisher.aclose())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await world.post("late")
    assert not closing.done()
    world.queue.gate.set()
    await closing
    assert all(task.done() and task.exception() is None for task in drafted)


async def test_requests_hear_of_a_send_that_is_stopped_in_flight(make: Make) -> None:
    world = make()
    world.queue.gate.clear()
    posting = world.post("a")
    before = asyncio.all_tasks()
    await until(lambda: world.queue.in_flight == 1)
    (sender,) = asyncio.all_tasks() - before
    sender.cancel()
    with pytest.raises(Unavailable):
        await posting


async def test_fair_queues_send_the_tenant_as_the_group(make: Make) -> None:
    world = make(fair_queues=True)
    await world.post("a", tenant="t#1")
    plain = make()
    await plain.post("a", tenant="t#1")
    assert [message.group for message in world.queue.messages + plain.queue.messages] == ["t#1", None]


async def test_nothing_is_lost_or_sent_twice_among_many_concurrent_requests(make: Make) -> None:
    world = make(queue_sends=2)
    names = [f"{number}" for number in range(500)]
    await asyncio.gather(*(world.post(name, tenant=str(int(name) % 7)) for name in names))
    assert sorted(name for sent in names_of(world.queue) for name in sent) == sorted(names)
    assert len(world.queue.calls) < 20
