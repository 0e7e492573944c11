"""A publisher whose queue fails, whose buffer is full, or whose requests are cancelled."""

import asyncio

import pytest

from shared.model import pack
from shared.model.errors import Unavailable, Unclear
from shared.model.pack import AckPack, Removal
from shared.model.records import Outcome
from shared.ports import Outgoing
from tests.fakes.waiting import until
from tests.unit.ingest.publishing import Make, names_of, noise


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
    world.queue.unblocked.set()
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
    world.queue.unblocked.clear()
    with pytest.raises(Unavailable):
        await world.post("a")


async def test_a_request_that_is_cancelled_neither_loses_nor_stalls_the_others(make: Make) -> None:
    world = make(queue_sends=1)
    await world.occupy()
    posting = [world.post(name) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    posting[1].cancel()
    world.queue.unblocked.set()
    await asyncio.gather(posting[0], posting[2], world.tasks[0])
    assert posting[1].cancelled()
    assert names_of(world.queue)[1] == ["a", "b", "c"]


async def test_a_cancelled_request_whose_call_fails_harms_nothing(make: Make) -> None:
    world = make()
    world.queue.unblocked.clear()
    posting = world.post("a")
    await until(lambda: world.queue.in_flight == 1)
    posting.cancel()
    world.queue.error = Unavailable("no")
    world.queue.unblocked.set()
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
    world.queue.unblocked.set()
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


async def test_failed_requests_no_longer_count_against_the_bounds(make: Make) -> None:
    world = make(buffer_events=1000)
    world.queue.error = Unavailable("no")
    for _ in range(5):
        with pytest.raises(Unavailable):
            await world.post(*map(str, range(900)))


async def test_a_send_that_is_cancelled_fails_its_requests(make: Make) -> None:
    world = make()
    world.queue.unblocked.clear()
    posting = world.post("a")
    before = asyncio.all_tasks()
    await until(lambda: world.queue.in_flight == 1)
    (sender,) = asyncio.all_tasks() - before
    sender.cancel()
    with pytest.raises(Unavailable):
        await posting


async def test_acks_count_against_the_bounds_until_they_are_sent(make: Make) -> None:
    world = make(queue_sends=1, buffer_events=1000)
    await world.occupy()
    acks = AckPack(tenant="t", key_id="k", accepted_at=1, inbox="i", positions=["p"] * 999)
    acking = asyncio.create_task(world.publisher.publish_removal(acks))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await world.post("over")
    with pytest.raises(Unavailable):
        await world.publisher.publish_removal(acks)
    world.queue.unblocked.set()
    await acking
    await world.post("later")


async def test_acks_that_are_not_confirmed_are_unavailable(make: Make) -> None:
    world = make()
    world.queue.outcome = lambda _: Outcome.THROTTLED
    removal = Removal(tenant="t", key_id="k", accepted_at=1, receipt="r", inbox="i", source="/", id="1", erase=True)
    with pytest.raises(Unavailable):
        await world.publisher.publish_removal(removal)
    await world.publisher.aclose()
    with pytest.raises(Unavailable):
        await world.publisher.publish_removal(removal)
