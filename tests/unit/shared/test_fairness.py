import asyncio

from shared.fairness import FairPlaces, FairSlots


def test_a_key_holds_as_many_places_as_are_free() -> None:
    places = FairPlaces(100)
    assert [sum(places.take(key) for _ in range(100)) for key in "abc"] == [50, 25, 13]
    places.leave("a")
    assert places.taken == 87
    assert places.take("d")


def test_places_come_back() -> None:
    places = FairPlaces(10)
    for _ in range(3):
        assert [places.take("a") for _ in range(6)] == [True] * 5 + [False]
        for _ in range(5):
            places.leave("a")
    assert places.taken == 0


async def served(slots: FairSlots, *requests: asyncio.Future[bool]) -> list[int]:
    """Release until all requests are done; return their indexes in the order of service."""
    order: list[int] = []
    for index, request in enumerate(requests):
        request.add_done_callback(lambda _, index=index: order.append(index))  # type: ignore[misc]
    for _ in requests:
        slots.release()
        await asyncio.sleep(0)
    return order


async def test_keys_are_served_in_rotation_and_each_in_its_order() -> None:
    slots = FairSlots(1)
    assert slots.request("a").done()
    requests = [slots.request(key) for key in "aaabac"]
    assert await served(slots, *requests) == [0, 3, 5, 1, 2, 4]


async def test_a_key_that_comes_back_goes_behind_the_others() -> None:
    slots = FairSlots(1)
    slots.request("a")
    first, second, other = slots.request("a"), slots.request("a"), slots.request("b")
    slots.release()
    assert first.done()
    third = slots.request("a")
    assert await served(slots, second, other, third) == [1, 0, 2]


async def test_a_request_that_another_key_joins_is_served_once_in_the_first_rotation() -> None:
    slots = FairSlots(1)
    slots.request("x")
    greedy = [slots.request("a") for _ in range(3)]
    slots.join(greedy[2], "b")
    assert await served(slots, *greedy) == [0, 2, 1]
    slots.release()
    assert slots.request("c").done()


async def test_a_request_that_was_given_up_is_skipped() -> None:
    slots = FairSlots(1)
    slots.request("a")
    given_up, other = slots.request("b"), slots.request("c")
    given_up.set_result(False)
    slots.release()
    assert await other
    slots.release()
    assert slots.request("d").done()


async def test_a_canceled_request_is_skipped_and_a_slot_is_never_lost() -> None:
    slots = FairSlots(2)
    held = [slots.request("a"), slots.request("a")]
    waiting = [asyncio.create_task(hold(slots, key)) for key in "abc"]
    await asyncio.sleep(0)
    waiting[0].cancel()
    for _ in held:
        slots.release()
    waiting[1].cancel()  # it has its slot already
    await asyncio.gather(*waiting, return_exceptions=True)
    assert [slots.request("d").done() for _ in range(3)] == [True, True, False]


async def hold(slots: FairSlots, key: str) -> None:
    async with slots.slot(key):
        await asyncio.sleep(0)
