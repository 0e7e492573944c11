"""Events that make their members fail go into quarantine alone, after their attempts."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from shared.model import position as positions
from shared.model.groups import GroupConfig, GroupName, RangeWindow, Window
from tests.unit.worker.groups.grouped import GROUP, LAPSED, World, positions_of, with_group
from worker.groups.held import Release
from worker.groups.lapsed import MAX_SPLIT, Division, division_of


async def handle_all(world: World, poison: str, *, dies: bool) -> dict[str, int]:
    """Handle leases until there are none; return how often each event was leased."""
    times: dict[str, int] = {}
    idle = 0
    while idle < 2:
        lease = await world.lease()
        if lease is None:
            idle += 1
            await world.sleep(LAPSED)
            continue
        idle = 0
        events = positions_of(lease)
        for event in events:
            times[event] = times.get(event, 0) + 1
        if poison not in events:
            await world.groups.ack(GROUP, lease.key)
        elif not dies:
            await world.groups.release(GROUP, lease.key, Release(delay_seconds=0, reason="can't be handled"))
            await world.sleep(0.2)
    return times


@pytest.mark.parametrize("dies", [True, False])
@pytest.mark.parametrize("count", [1, 2, 7, 100, 300])
@pytest.mark.parametrize("max_attempts", [3, 5, 10])
def test_one_event_of_a_window_is_quarantined_alone(count: int, max_attempts: int, *, dies: bool) -> None:
    @with_group
    async def check(world: World) -> None:
        await world.groups.admin.configure(GROUP, GroupConfig(max_attempts=max_attempts))
        put = await world.put(count)
        poison = put[count // 2]
        times = await handle_all(world, poison, dies=dies)
        assert await world.quarantined() == [poison]
        assert sorted(times) == put
        # A window of more than 200 events is halved more than once, which takes attempts.
        assert times.pop(poison) == max_attempts or count > 2 * MAX_SPLIT
        assert all(one <= max_attempts for one in times.values()) or count > 2 * MAX_SPLIT

    check()


@pytest.mark.parametrize("max_attempts", [1, 2])
def test_with_few_attempts_an_event_gets_one_alone(max_attempts: int) -> None:
    @with_group
    async def check(world: World) -> None:
        await world.groups.admin.configure(GROUP, GroupConfig(max_attempts=max_attempts))
        put = await world.put(5)
        times = await handle_all(world, put[2], dies=True)
        assert await world.quarantined() == [put[2]]
        assert set(times.values()) == {2}

    check()


@with_group
async def test_a_named_event_is_quarantined_after_its_attempts_with_the_reason(world: World) -> None:
    put = await world.put(3)
    for attempt in range(1, 6):
        lease, events = await world.leased()
        assert lease.attempt == attempt
        if attempt == 1:
            await world.groups.ack(GROUP, lease.key, [put[0], put[2]])
        assert put[1] in events
        await world.groups.release(GROUP, lease.key, Release(positions=[put[1]], delay_seconds=0, reason="no stock"))
        await world.sleep(0.2)
    assert await world.lease() is None
    page = await world.groups.admin.quarantine(GROUP, await world.groups.admin.find(GROUP), limit=9)
    [event] = page.events
    assert (event.position, event.attempts, event.reason) == (put[1], 5, "no stock")
    assert list(page.contents) == [put[1]]


@with_group
async def test_a_division_that_was_begun_is_finished_even_if_one_event_is_left(world: World) -> None:
    await world.groups.admin.configure(GROUP, GroupConfig(max_attempts=1))
    put = await world.put(3)
    await world.leased()
    await world.sleep(LAPSED)
    with pytest.MonkeyPatch.context() as patch:
        exchange = world.groups_store.exchange

        async def dies(group: GroupName, key: str, seen: Window, windows: Mapping[str, Window]) -> bool:
            if not windows:
                raise ConnectionError
            return await exchange(group, key, seen, windows)

        patch.setattr(world.groups_store, "exchange", dies)
        with pytest.raises(ConnectionError):
            await world.lease()
    await world.drop(*put[:2])
    await world.sleep(LAPSED)
    lease, events = await world.leased(by=world.other)
    assert events == put[2:]
    await world.groups.ack(GROUP, lease.key)
    await world.sleep(LAPSED)
    assert await world.lease() is None
    assert await world.quarantined() == []


@with_group
async def test_an_event_released_from_quarantine_is_handled(world: World) -> None:
    await world.groups.admin.configure(GROUP, GroupConfig(max_attempts=2))
    put = await world.put(2)
    await handle_all(world, put[0], dies=True)
    assert await world.groups.admin.release_quarantined(GROUP, [put[1]]) == 0
    assert await world.groups.admin.release_quarantined(GROUP, [put[0]]) == 1
    assert await world.quarantined() == []
    await world.sleep(0.2)
    lease, events = await world.leased()
    assert (events, lease.attempt) == ([put[0]], 1)
    await world.groups.ack(GROUP, lease.key)
    await world.sleep(LAPSED)
    assert await world.lease() is None


@with_group
async def test_a_quarantined_event_that_left_the_inbox_has_no_content(world: World) -> None:
    await world.groups.admin.configure(GROUP, GroupConfig(max_attempts=1))
    put = await world.put(1)
    await handle_all(world, put[0], dies=True)
    await world.drop(put[0])
    page = await world.groups.admin.quarantine(GROUP, await world.groups.admin.find(GROUP), limit=9)
    assert ([event.position for event in page.events], page.contents) == (put, {})


@with_group
async def test_retries_that_were_named_share_a_lease_and_unnamed_ones_do_not(world: World) -> None:
    put = await world.put(30)
    lease, _ = await world.leased()
    await world.groups.release(GROUP, lease.key, Release(positions=put, delay_seconds=0))
    await world.sleep(0.2)
    shared, events = await world.leased()
    assert events == put[:25]
    await world.groups.release(GROUP, shared.key, Release(delay_seconds=0))
    await world.sleep(0.2)
    _, named = await world.leased()
    assert named == put[25:]
    _, alone = await world.leased()
    assert len(alone) == 1


@pytest.mark.parametrize(
    ("attempt", "halvings", "events", "max_attempts", "division"),
    [
        (1, 0, 1, 5, Division.WHOLE),
        (4, 0, 1, 5, Division.WHOLE),
        (5, 0, 1, 5, Division.QUARANTINE),
        (1, 0, 9, 5, Division.WHOLE),
        (2, 0, 9, 5, Division.HALVES),
        (2, 1, 9, 5, Division.WHOLE),
        (3, 1, 9, 5, Division.SINGLES),
        (3, 1, MAX_SPLIT + 1, 5, Division.HALVES),
        (1, 0, 9, 3, Division.HALVES),
        (2, 1, 9, 3, Division.SINGLES),
        (1, 0, 9, 2, Division.SINGLES),
        (1, 0, 9, 1, Division.SINGLES),
        (1, 0, MAX_SPLIT + 1, 1, Division.HALVES),
    ],
)
def test_how_a_window_is_divided(
    attempt: int, halvings: int, events: int, max_attempts: int, division: Division
) -> None:
    first, last = positions.to_bytes(positions.FIRST), positions.to_bytes(positions.LAST)
    window = RangeWindow(start=first, end=last, until=0, attempt=attempt, handed=events, halvings=halvings)
    assert division_of(window, events, max_attempts) is division
    begun = replace(window, becomes=Division.SINGLES.value)
    assert division_of(begun, 1, max_attempts) is Division.SINGLES
