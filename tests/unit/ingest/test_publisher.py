import asyncio
from collections.abc import Sequence
from unittest.mock import patch

import pytest

from shared.model import pack
from shared.model.errors import TooLarge, Unavailable
from shared.model.pack import AckPack, Removal
from shared.model.records import Outcome
from shared.ports import Outgoing
from shared.settings import Settings
from tests.fakes.clock import START_MS
from tests.fakes.virtual_time import in_virtual_time
from tests.fakes.waiting import until
from tests.unit.ingest.publishing import Make, World, an_event, names_of, noise


async def test_a_request_is_sent_at_once_as_one_pack(make: Make) -> None:
    world = make()
    await world.post("a", "b")
    (sent,) = world.queue.packs
    assert (sent.tenant, sent.key_id, sent.accepted_at) == ("t", "k", START_MS)
    assert [(event.id, event.receipt, bytes(event.body)) for event in sent.events] == [
        ("a", "r-a", b"{}"),
        ("b", "r-b", b"{}"),
    ]


async def test_a_request_is_answered_only_when_its_pack_is_confirmed(make: Make) -> None:
    world = make()
    world.queue.unblocked.clear()
    posting = world.post("a")
    await until(lambda: world.queue.in_flight == 1)
    assert not posting.done()
    world.queue.unblocked.set()
    await posting


async def test_requests_share_the_next_pack_while_all_sends_are_in_flight(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    posting = [world.post(str(number)) for number in range(50)]
    await asyncio.sleep(0)
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert names_of(world.queue) == [["first"], [str(number) for number in range(50)]]


async def test_only_events_with_the_same_window_share_a_pack(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    posting = [world.post(str(number), window_seconds=window) for number, window in enumerate((None, 7, 8, 7, None))]
    await asyncio.sleep(0)
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert names_of(world.queue) == [["first"], ["0", "4"], ["1", "3"], ["2"]]
    assert [each.window_seconds for each in world.queue.packs] == [None, None, 7, 8]


async def test_calls_in_flight_are_limited(make: Make) -> None:
    world = make(queue_sends=3, queue_pace_ms=0)
    world.queue.unblocked.clear()
    posting = []
    for number in range(20):
        posting.append(world.post(str(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert world.queue.in_flight == 3
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert world.queue.most_in_flight == 3


async def test_while_a_call_is_in_flight_the_next_starts_at_the_pace_with_all_pending_packs(make: Make) -> None:
    world = make(queue_pace_ms=200)
    began = asyncio.get_running_loop().time()
    await world.occupy()
    posting = [world.post(str(number)) for number in range(5)]
    await until(lambda: world.queue.in_flight == 2)
    assert asyncio.get_running_loop().time() - began >= 0.2
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert names_of(world.queue) == [["first"], [str(number) for number in range(5)]]


async def test_pending_packs_are_sent_as_soon_as_no_call_is_in_flight(make: Make) -> None:
    world = make(queue_pace_ms=3_600_000)
    for name in "abcdef":
        await world.occupy()
        posting = world.post(name)
        await asyncio.sleep(0)
        assert world.queue.in_flight == 1
        world.queue.unblocked.set()
        await posting
    assert world.queue.most_in_flight == 1


async def test_a_full_call_does_not_wait_for_the_pace(make: Make) -> None:
    world = make(queue_pace_ms=3_600_000)
    await world.occupy()
    posting = [world.post(str(number), tenant=f"t{number}") for number in range(29)]
    await until(lambda: world.queue.in_flight == 3)
    assert [len(call) for call in world.queue.calls] == [1, 10, 10]
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert sorted(event.id for event in world.queue.events) == sorted(["first", *map(str, range(29))])


async def test_full_calls_in_flight_are_limited_to_four_times_as_many(make: Make) -> None:
    world = make(queue_sends=2)
    await world.occupy()
    posting = [world.post(str(number), tenant=f"t{number}") for number in range(200)]
    await until(lambda: world.queue.in_flight == 8)
    await asyncio.sleep(0.05)
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert world.queue.most_in_flight == 8
    assert len(world.queue.events) == 201


async def test_packs_that_did_not_fit_are_sent_at_the_pace(make: Make) -> None:
    world = make(queue_pace_ms=50)
    world.queue.unblocked.clear()
    posting = [world.post(str(number), tenant=f"t{number}") for number in range(12)]
    await until(lambda: world.queue.in_flight == 2)
    assert [len(call) for call in world.queue.calls] == [10, 2]
    world.queue.unblocked.set()
    await asyncio.gather(*posting)


@in_virtual_time
async def test_thousands_of_tenants_with_one_event_each_are_not_limited_by_the_pace() -> None:
    world = World(Settings())
    answer = world.queue.send

    async def answer_after_10_ms(messages: Sequence[Outgoing]) -> list[Outcome]:
        await asyncio.sleep(0.01)
        return await answer(messages)

    with patch.object(world.queue, "send", answer_after_10_ms):
        await asyncio.gather(*(world.post("e", tenant=f"t{number}") for number in range(4000)))
    assert len(world.queue.events) == 4000
    assert asyncio.get_running_loop().time() < 0.5


async def test_a_call_that_finds_nothing_left_to_send_sends_nothing(make: Make) -> None:
    world = make(queue_pace_ms=0)
    await asyncio.gather(world.post("a"), world.post("b"))
    assert names_of(world.queue) == [["a", "b"]]


async def test_tenants_and_keys_never_share_a_pack_but_share_a_call(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    owners = [("a#b", "k"), ("a", "k"), ("a", "l"), ("a#b", "k")]
    posting = [world.post(str(number), tenant=t, key_id=k) for number, (t, k) in enumerate(owners)]
    await asyncio.sleep(0)
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert len(world.queue.calls) == 2
    shared = [(each.tenant, each.key_id, [event.id for event in each.events]) for each in world.queue.packs[1:]]
    assert shared == [("a#b", "k", ["0", "3"]), ("a", "k", ["1"]), ("a", "l", ["2"])]


async def test_a_call_carries_no_more_than_ten_packs(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    posting = [world.post("e", tenant=str(number)) for number in range(25)]
    await asyncio.sleep(0)
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert [len(call) for call in world.queue.calls] == [1, 10, 10, 5]


async def test_a_call_carries_no_more_than_a_mebibyte_and_a_pack_no_more_than_fits(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    posting = [world.post(str(number), tenant=str(number % 3), body=noise(300_000)) for number in range(12)]
    await asyncio.sleep(0)
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    for call in world.queue.calls:
        assert sum(len(message.body) for message in call) <= pack.MAX_MESSAGE_BYTES
    assert sorted(name for names in names_of(world.queue) for name in names) == sorted(["first", *map(str, range(12))])


async def test_the_largest_request_fits_a_message(make: Make) -> None:
    world = make()
    await world.post("a", body=noise(512 * 1024))
    assert pack.MAX_PLAIN_BYTES > 512 * 1024
    assert len(world.queue.sent[0].body) <= pack.MAX_MESSAGE_BYTES


async def test_a_request_larger_than_a_shared_pack_gets_one_of_its_own(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    repeated = b'"' + b"x" * 1000 + b'"'  # compresses well, as long names in small events do
    posting = [
        world.post("small"),
        world.post(*(f"big-{number}" for number in range(1000)), body=repeated),
        world.post("other"),
    ]
    await asyncio.sleep(0)
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert sorted(len(names) for names in names_of(world.queue)) == [1, 1, 1, 1000]


async def test_a_pack_that_exceeds_a_message_is_too_large(make: Make) -> None:
    world = make()
    with pytest.raises(TooLarge):
        await world.post("a", body=noise(1_200_000))
    await world.post("b")
    assert names_of(world.queue) == [["b"]]


async def test_closing_sends_pending_packs_and_refuses_new_requests(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    pending = [world.post(str(number), tenant=str(number)) for number in range(15)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(world.publisher.aclose())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await world.post("late")
    assert not closing.done()
    world.queue.unblocked.set()
    await closing
    assert all(task.done() and task.exception() is None for task in pending)


async def test_fair_queues_send_the_tenant_as_the_group(make: Make) -> None:
    world = make(fair_queues=True)
    await world.post("a", tenant="t#1")
    plain = make()
    await plain.post("a", tenant="t#1")
    assert [message.group for message in world.queue.sent + plain.queue.sent] == ["t#1", None]


async def test_nothing_is_lost_or_sent_twice_among_many_concurrent_requests(make: Make) -> None:
    world = make(queue_sends=2)
    names = [f"{number}" for number in range(500)]
    await asyncio.gather(*(world.post(name, tenant=str(int(name) % 7)) for name in names))
    assert sorted(name for sent in names_of(world.queue) for name in sent) == sorted(names)
    assert len(world.queue.calls) < 20


def removal(tenant: str = "t", event_id: str = "1") -> Removal:
    return Removal(tenant=tenant, key_id="k", accepted_at=1, receipt="r", inbox="i", source="/", id=event_id)


async def test_acks_share_calls_with_events_but_no_packs(make: Make) -> None:
    world = make(queue_sends=1, fair_queues=True)
    await world.occupy()
    acks = AckPack(tenant="t", key_id="k", accepted_at=1, inbox="i", positions=["p1", "p2"])
    removals: list[AckPack | Removal] = [removal(), acks, removal(event_id="2")]
    posting = [
        world.post("a"),
        *(asyncio.create_task(world.publisher.publish_removal(each)) for each in removals),
        world.post("b"),
    ]
    await asyncio.sleep(0)
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert len(world.queue.calls) == 2
    assert [pack.decode(message.body) for message in world.queue.calls[1][1:]] == removals
    assert names_of(world.queue) == [["first"], ["a", "b"]]
    assert {message.group for message in world.queue.sent} == {"t"}


async def test_the_trace_of_the_first_request_that_has_one_goes_with_the_pack(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    traces = [None, "first", "second"]
    posting = [
        asyncio.create_task(world.publisher.publish("t", "k", [an_event(str(trace))], trace)) for trace in traces
    ]
    posting.append(asyncio.create_task(world.publisher.publish_removal(removal(), "third")))
    await asyncio.sleep(0)
    world.queue.unblocked.set()
    await asyncio.gather(*posting)
    assert [dict(message.attributes) for message in world.queue.sent] == [
        {},
        {"traceparent": "first"},
        {"traceparent": "third"},
    ]
